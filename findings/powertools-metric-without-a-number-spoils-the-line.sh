#!/usr/bin/env bash
# aws-lambda-powertools 3.24.0 (Python): a metric whose value is not a number, beside one that is.
#
# Metrics are written in CloudWatch's embedded metric format, one JSON object a line. powertools takes float("nan") as a value and writes
# it as the bare word NaN, which JSON does not have (RFC 8259, section 6): the line is no JSON, and every metric in it goes with it.
# AWS's own aws-embedded-metrics refuses such a value when it is added.
#
# Seen:
#   "Published":[1.0],"Ratio":[NaN]  → not JSON
#
# Why it matters: whoever adds figures of their own beside this product's in one function, a share of nothing for instance, loses the
# figures that alarms go by. Our own metrics are whole numbers by their type.
#
# Needs Python 3.10 with venv, and PyPI. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check 'aws-lambda-powertools==3.24.0'
cd "$folder"
exec "$folder/environment/bin/python" - <<'PYTHON'
import contextlib
import io
import json

from aws_lambda_powertools.metrics import Metrics, MetricUnit


def no_such_word(word):
    raise ValueError(f"JSON has no {word}")


written = io.StringIO()
with contextlib.redirect_stdout(written):
    metrics = Metrics(namespace="example", service="hub")
    metrics.add_metric(name="Published", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="Ratio", unit=MetricUnit.Percent, value=float("nan"))
    metrics.flush_metrics()
line = written.getvalue().strip()
print(line[line.index('"Published":['):])
if '"Published":[1.0],"Ratio":[NaN]' not in line:
    raise SystemExit("the behaviour changed: the line is another one")
try:
    json.loads(line, parse_constant=no_such_word)
except ValueError as error:
    print(f"not JSON: {error}")
else:
    raise SystemExit("the behaviour changed: the line is JSON")
PYTHON
