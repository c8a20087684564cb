"""Whether the Terraform modules name the same things as the templates, read as text: cheap enough for every run.

What the two make is compared by `agree.py`, which needs Terraform.
"""

import re
from pathlib import Path

from servers import expect
from templates import read, text

MODULES = Path(__file__).resolve().parents[2] / "infra" / "terraform"
NAMED = {
    "variables of the function": r"\b(?:PMP_[A-Z_]+|MEMBER_EXPERIENCE_IDS)\b",
    "statements": r"\bSid\b\W+(\w+)",
    "actions and conditions": r"\b(?:aws|aws-marketplace|catalog|dynamodb|events|kms|lambda|logs|s3|sns|sqs|sts):[A-Z]\w+",
    "change types": r"\b(?:Allow|Deny|Associate|Disassociate|Restrict|Update)(?:Product)?(?:Procurement|Audience|Experience|ProcurementPolicy)\b",
    "AWS's metrics": r"AWS/\w+|ApproximateNumberOfMessagesVisible|ApproximateAgeOfOldestMessage|NumberOfNotifications\w+",
}
# Terraform's provider says these by `aws_cloudwatch_event_permission`, which lets the account in; see its module.
OTHERWISE = {"hub": {"events:PutEvents", "aws:PrincipalArn"}}  # aws:SourceArn is in other statements, too


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def used_by(files):
    """The files of the modules that these ones call."""
    called = set(re.findall(r'^ *source *= *"\.\./(modules/\w+)"', "\n".join(files), re.M))
    return [path.read_text(encoding="utf-8") for module in sorted(called) for path in (MODULES / module).glob("*.tf")]


def required(module):
    """The variables of a module that have no default."""
    text = (MODULES / module / "variables.tf").read_text(encoding="utf-8")
    return {name for name, body in re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.M | re.S) if not re.search(r"^  default ", body, re.M)}


def example():
    """The example of many members gives each module what it asks for, and nothing that it does not know; a member's comes from the hub."""
    text = (MODULES / "examples" / "members" / "main.tf").read_text(encoding="utf-8")
    for called, module in (("hub", "hub"), ("member", "hub-member")):
        body = re.search(rf'^module "{called}" \{{\n(.*?)^\}}', text, re.M | re.S)[1]
        given = set(re.findall(r"^  (\w+) +=", body, re.M)) - {"source", "for_each"}
        known = set(re.findall(r'^variable "(\w+)"', (MODULES / module / "variables.tf").read_text(encoding="utf-8"), re.M))
        expect(required(module) - given, set(), f"what the example does not give to {module}")
        expect(given - known, set(), f"what {module} does not know of the example")
    expect("for_each = var.members" in text, True, "the example makes a module for each member")


def check(metrics):
    """`metrics`: all that docs/metrics.md knows."""
    example()
    named = NAMED | {"our metrics": rf"\b(?:{'|'.join(sorted(metrics))})\b"}
    for module in ("hub", "hub-member", "spoke"):
        template, said = read(module), text(module)
        files = [path.read_text(encoding="utf-8") for path in (MODULES / module).glob("*.tf")]
        declared = {kind: set(re.findall(rf'^{kind} "(\w+)"', "\n".join(files), re.M)) for kind in ("variable", "output")}
        whole = "\n".join(files + used_by(files))
        expect(declared["variable"], {snake(name) for name in template["Parameters"]}, f"the variables of {module}")
        expect(declared["output"], {snake(name) for name in template["Outputs"]}, f"the outputs of {module}")
        for what, pattern in named.items():
            there, here = (set(re.findall(pattern, one)) for one in (said, whole))
            expect(here, there - OTHERWISE.get(module, set()), f"{what} of {module}, in Terraform")
