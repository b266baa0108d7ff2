"""Metadata, tags and volumes of a server."""

import re

from deploy.simcloud import forms
from deploy.simcloud.http import Call, Response
from deploy.simcloud.nova import ROUTES
from deploy.simcloud.nova_servers import changeable, visible
from deploy.simcloud.refusal import Refusal

META, TAGS = "/v2.1/servers/{server}/metadata", "/v2.1/servers/{server}/tags"


@ROUTES.on("GET", META)
def metadata(call: Call) -> Response:
    return Response(200, {"metadata": visible(call, call["server"]).metadata})


@ROUTES.on("POST", META)
@ROUTES.on("PUT", META)
def set_metadata(call: Call) -> Response:
    """POST adds to what is there, PUT replaces it."""
    instance = changeable(call, call["server"])
    given = forms.words("metadata", forms.key(call, "metadata"))
    kept = instance.metadata if call.request.method == "POST" else {}
    instance.metadata = {**kept, **given}
    call.cloud.touch(instance)
    return Response(200, {"metadata": instance.metadata})


@ROUTES.on("GET", META + "/{key}")
def metadata_item(call: Call) -> Response:
    values = visible(call, call["server"]).metadata
    if call["key"] not in values:
        raise Refusal(404, "Metadata item was not found")
    return Response(200, {"meta": {call["key"]: values[call["key"]]}})


@ROUTES.on("PUT", META + "/{key}")
def set_metadata_item(call: Call) -> Response:
    instance = changeable(call, call["server"])
    value = call.inside("meta").get(call["key"])
    if not isinstance(value, str):
        raise Refusal(400, "Request body and URI mismatch")
    instance.metadata = {**instance.metadata, call["key"]: value}
    call.cloud.touch(instance)
    return Response(200, {"meta": {call["key"]: value}})


@ROUTES.on("DELETE", META + "/{key}")
def delete_metadata_item(call: Call) -> Response:
    instance = changeable(call, call["server"])
    if call["key"] not in instance.metadata:
        raise Refusal(404, "Metadata item was not found")
    instance.metadata = {key: value for key, value in instance.metadata.items() if key != call["key"]}
    call.cloud.touch(instance)
    return Response(204)


@ROUTES.on("GET", "/v2.1/servers/{server}/os-volume_attachments")
def attachments(call: Call) -> Response:
    instance = visible(call, call["server"])
    rows = [
        {"id": volume, "volumeId": volume, "serverId": instance.uuid, "device": f"/dev/vd{chr(97 + index)}"}
        for index, volume in enumerate(instance.volumes)
    ]
    return Response(200, {"volumeAttachments": rows})


@ROUTES.on("GET", TAGS)
def tags(call: Call) -> Response:
    return Response(200, {"tags": visible(call, call["server"]).tags})


@ROUTES.on("PUT", TAGS)
def replace_tags(call: Call) -> Response:
    instance = changeable(call, call["server"])
    given = forms.key(call, "tags")
    if not isinstance(given, list):
        raise forms.invalid("tags", given, f"{given!r} is not of type 'array'")
    for index, tag in enumerate(given):
        if not isinstance(tag, str) or re.search("[,/]", tag):
            raise forms.invalid(str(index), tag, f"{tag!r} does not match '^[^,/]*$'")
    instance.tags = list(dict.fromkeys(given))
    call.cloud.touch(instance)
    return Response(200, {"tags": instance.tags})


@ROUTES.on("DELETE", TAGS)
def delete_tags(call: Call) -> Response:
    instance = changeable(call, call["server"])
    instance.tags = []
    call.cloud.touch(instance)
    return Response(204)


@ROUTES.on("PUT", TAGS + "/{tag}")
def add_tag(call: Call) -> Response:
    instance = changeable(call, call["server"])
    if call["tag"] in instance.tags:
        return Response(204)
    instance.tags = [*instance.tags, call["tag"]]
    call.cloud.touch(instance)
    return Response(201, None, {"Location": call.request.origin + call.request.path})


@ROUTES.on("GET", TAGS + "/{tag}")
def has_tag(call: Call) -> Response:
    if call["tag"] not in visible(call, call["server"]).tags:
        raise Refusal(404, f"Server {call['server']} has no tag '{call['tag']}'")
    return Response(204)


@ROUTES.on("DELETE", TAGS + "/{tag}")
def delete_tag(call: Call) -> Response:
    instance = changeable(call, call["server"])
    if call["tag"] not in instance.tags:
        raise Refusal(404, f"Instance {call['server']} has no tag '{call['tag']}'")
    instance.tags = [tag for tag in instance.tags if tag != call["tag"]]
    call.cloud.touch(instance)
    return Response(204)
