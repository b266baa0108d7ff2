"""Other people's work: servers that come, go and move while somebody tries to plan."""

from deploy.simcloud import boot, live
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.identity import Caller
from deploy.simcloud.ids import named_hex
from deploy.simcloud.rates import Churn, Rates
from deploy.simcloud.refusal import Refusal

BY = Caller("churn", "churn", "", frozenset({"admin"}))


def start(cloud: Cloud, rates: Rates) -> None:
    churn = Churn(rates)
    cloud.churn = churn
    for verb, rate in (("boot", rates.boots), ("delete", rates.deletes), ("move", rates.moves)):
        if rate > 0:
            cloud.after(churn.draw.expovariate(rate), _strike, churn, verb, rate)


def stop(cloud: Cloud) -> None:
    cloud.churn = None


def _strike(cloud: Cloud, churn: Churn, verb: str, rate: float) -> None:
    if cloud.churn is not churn:
        return
    try:
        {"boot": _boot, "delete": _delete, "move": _move}[verb](cloud, churn)
    except Refusal:
        churn.count -= 1  # people are refused, too; they try something else next time
    churn.count += 1
    cloud.after(churn.draw.expovariate(rate), _strike, churn, verb, rate)


def _boot(cloud: Cloud, churn: Churn) -> None:
    """A new server like one that exists."""
    model = cloud.instances[_any(cloud, churn)] if cloud.instances else None
    flavor = model.flavor if model else next(iter(cloud.flavors.values()))
    project = model.project_id if model else cloud.identity.add_project("demo")
    by = Caller(BY.user_id, BY.user_name, project, BY.roles, f"req-{cloud.ids.uuid()}")
    order = boot.Order(f"churn-{cloud.number('churn')}", flavor, image=named_hex("image", "cirros"))
    boot.boot(cloud, order, by)


def _delete(cloud: Cloud, churn: Churn) -> None:
    if cloud.instances:
        boot.delete(cloud, cloud.instances[_any(cloud, churn)], _by(cloud))


def _move(cloud: Cloud, churn: Churn) -> None:
    if cloud.instances:
        instance = cloud.instances[_any(cloud, churn)]
        live.ask(cloud, instance, _by(cloud), host=None, bypass=False, synchronous=False)


def _by(cloud: Cloud) -> Caller:
    return Caller(BY.user_id, BY.user_name, BY.project_id, BY.roles, f"req-{cloud.ids.uuid()}")


def _any(cloud: Cloud, churn: Churn) -> str:
    return cloud.roll.at(churn.draw.randrange(len(cloud.roll)))
