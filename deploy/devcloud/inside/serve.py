"""Serve one WSGI module of OpenStack: `serve.py MODULE PORT`.

The services read sys.argv as their own; they are given an empty one. No thread may be starved by a slow
request of another service: nova-api calls neutron, placement and keystone while it holds one of its threads.
"""

import importlib
import sys

import waitress

THREADS = 12


def main():
    module, port = sys.argv[1:3]
    sys.argv = [module]
    application = importlib.import_module(module).application
    waitress.serve(application, host="127.0.0.1", port=int(port), threads=THREADS, ident=None)


if __name__ == "__main__":
    main()
