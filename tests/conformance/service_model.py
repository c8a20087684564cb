"""Holds answers to the service model that botocore ships: what it requires is there, and has the type, the length and
the values that it allows. Patterns are left out: AWS's own answers don't keep to them (`Experience@1.0` is no
`^[a-zA-Z]+$`), but for those of dates."""

import re

# The only pattern that AWS's documented answers keep to.
DATE = "DateTimeISO8601"
# `Details` as text. Its limit is one for requests: a policy of a few hundred products is longer.
LEGACY = "Json"


def deviations(shape, value, where="answer"):
    """What is wrong with a value of a shape."""
    kind = shape.type_name
    if kind == "structure":
        return structure(shape, value, where)
    if kind == "list":
        # Empty lists are sent where the model has a minimum: an answer without tags, for one.
        found = length(shape, len(value), where) if value else []
        for position, item in enumerate(value):
            found += deviations(shape.member, item, f"{where}[{position}]")
        return found
    if kind == "map":
        return [one for key, item in value.items() for one in deviations(shape.value, item, f"{where}[{key}]")]
    if kind == "string":
        return string(shape, value, where)
    return []


def structure(shape, value, where):
    if shape.is_document_type:
        return []
    if not isinstance(value, dict):
        return [f"{where} is no structure: {value!r}"]
    found = [f"{where}.{name} is missing" for name in shape.required_members if value.get(name) is None]
    for name, item in value.items():
        if name in shape.members and item is not None:
            found += deviations(shape.members[name], item, f"{where}.{name}")
    return found


def string(shape, value, where):
    if not isinstance(value, str):
        return [f"{where} is no string: {value!r}"]
    if shape.enum and value not in shape.enum:
        return [f"{where} is none of {shape.enum}: {value!r}"]
    if shape.name == LEGACY:
        return []
    if shape.name == DATE and not re.match(shape.metadata["pattern"], value):
        return [f"{where} is no date: {value!r}"]
    return length(shape, len(value), where)


def length(shape, count, where):
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if count < least or (most is not None and count > most):
        return [f"{where} has a length of {count}, not {least} to {most}"]
    return []


def check(client):
    """Makes a client of boto3 check every answer that it gets."""

    def check_answer(http_response, parsed, model, **_):
        if http_response.status_code >= 300 or model.output_shape is None:
            return
        answer = {name: item for name, item in parsed.items() if name != "ResponseMetadata"}
        found = deviations(model.output_shape, answer)
        assert not found, f"{model.name} answers against its service model: {found}"

    client.meta.events.register("after-call", check_answer)
