"""Serve one WSGI module of OpenStack: `serve.py MODULE PORT`.

The services read sys.argv as their own; they are given an empty one. No thread may be starved by a slow
request of another service: nova-api calls neutron, placement and keystone while it holds one of its threads.
"""

import importlib
import sys

import waitress
from sqlalchemy import orm

THREADS = 12
CONNECTIONS = 2000  # every compute keeps one open; waitress by itself stops to answer at 100


def main():
    module, port = sys.argv[1:3]
    sys.argv = [module]
    application = importlib.import_module(module).application
    # Otherwise the first requests do it side by side, and Neutron has been seen to lose a relation that way.
    orm.configure_mappers()
    waitress.serve(
        application,
        host="127.0.0.1",
        port=int(port),
        threads=THREADS,
        connection_limit=CONNECTIONS,
        asyncore_use_poll=True,  # select() ends at file descriptor 1024
        ident=None,
    )


if __name__ == "__main__":
    main()
