"""What infra/launch and infra/members ask of AWS, and what they refuse, with an AWS CLI that notes it down. Started by `run --scripts`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import Checks
from servers import expect

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
ACCOUNT = "111111111111"
EXPERIENCE = "exp-1234567890abc"
OUTPUTS = {
    "Prefix": "pmp-sync",
    "ExperienceId": EXPERIENCE,
    "SnapshotsTableArn": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/pmp-sync-Snapshots",
    "TimestampsTableArn": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/pmp-sync-SyncTimestamps",
    "TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:pmp-sync-snapshots",
}
FIRST, SECOND, THIRD = ((f"o-{letter * 10}", f"30000000000{number}") for number, letter in enumerate("abc", 1))
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"


def rows(*members):
    return "".join(" ".join(one) + "\n" for one in members)


def many(count):
    return [(f"o-many{number:06}", f"{300000000000 + number}") for number in range(count)]


class Release:
    """The folder of a release, a list of members, and an AWS that has nothing yet."""

    def __init__(self, folder, version="0.1.0"):
        self.folder = folder
        self.release(version)
        self.list = folder / "members.txt"
        self.members = folder / "members"
        shutil.copy(HERE / "noted_aws.py", folder)
        (folder / "aws").write_text(f'#!/bin/sh\nexec {sys.executable} {folder}/noted_aws.py "$@"\n')
        (folder / "aws").chmod(0o755)
        start = {"log": [], "errors": {}, "stacks": {}, "sets": {}, "instances": [], "owner": ACCOUNT, "policy": None, "outputs": OUTPUTS}
        self.set(**start)

    def release(self, version):
        """A later one is another folder."""
        self.work = self.folder / version
        (self.work / "lambda").mkdir(parents=True)
        (self.work / "VERSION").write_text(f"{version}\n")
        for name in ("hub", "spoke"):
            (self.work / "lambda" / f"pmp-{name}-arm64.zip").touch()
        (self.work / "templates").mkdir()
        for name in ("cloudformation", "terraform"):
            shutil.copytree(REPOSITORY / "infra" / name, self.work / "templates" / name)
        for name in ("launch", "members", "releases/fill.py"):
            shutil.copy(REPOSITORY / "infra" / name, self.work / "templates")

    def state(self):
        return json.loads((self.folder / "state.json").read_text())

    def set(self, **values):
        path = self.folder / "state.json"
        path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | values))

    def run(self, *arguments, templates="templates", code=0):
        """What is printed; the commands of the AWS CLI are written down anew."""
        self.set(log=[])
        environment = os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        command = [sys.executable, self.work / templates / "launch", *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, env=environment, check=False)
        said = ended.stdout + ended.stderr
        expect(ended.returncode, code, f"how `launch {' '.join(map(str, arguments))}` ends:\n{said}")
        return said

    def hub(self, *arguments, **how):
        return self.run("hub", EXPERIENCE, self.list, *arguments, **how)

    def asked(self, command):
        return [one for one in self.state()["log"] if " ".join(one[:2]) == command]

    def refused(self, said, why):
        """Refused, and AWS was asked to change nothing."""
        expect(why in said, True, f"{why!r} in:\n{said}")
        changes = [one for one in self.state()["log"] if one[1].startswith(("deploy", "create", "update", "delete", "put-bucket"))]
        expect(changes, [], "what was changed all the same")

    def parameters(self, stack):
        return self.state()["stacks"][stack]["Parameters"]

    def listed(self):
        return {words[0]: words[1:] for words in map(str.split, self.list.read_text().splitlines())}


class Scripts(Checks):
    def fresh(self, *members):
        made = Release(Path(tempfile.mkdtemp(dir=self.folder)))
        made.list.write_text(rows(*members))
        return made

    def written_anew(self):
        """Whoever writes the list anew, or has another release's folder, gets the external ids that are deployed."""
        one = self.fresh(FIRST, SECOND)
        one.hub()
        before = one.listed()
        one.list.write_text(rows(SECOND, FIRST))
        one.release("0.2.0")
        shutil.rmtree(one.members)
        one.hub()
        expect(one.listed(), before, "the external ids, and the stacks")
        one.list.write_text(rows(FIRST))
        said = one.hub(code=1)
        one.refused(said, f"{SECOND[0]}: admitted, and not in the list")
        expect(f"--remove {SECOND[0]}" in said, True, said)
        one.refused(one.hub("--remove", FIRST[0], code=1), "in the list, and to be removed")
        one.hub("--remove", SECOND[0])
        expect(SECOND[0] in one.state()["stacks"]["pmp-sync-members-1"]["Template"], False, "the role of the one that left")
        # A member that was admitted with a stack of its own is not dropped either.
        one.hub(f"MemberOrganizationIds={FIRST[0]},{THIRD[0]}")
        one.refused(one.hub(code=1), f"{THIRD[0]}: admitted, and not in the list")
        one.refused(one.hub(f"MemberOrganizationIds={THIRD[0]}", code=1), f"{FIRST[0]}: in the list, and not among")
        one.list.write_text(rows((*FIRST, "0123456789abcdef", "2")))
        one.refused(one.hub(f"MemberOrganizationIds={FIRST[0]},{THIRD[0]}", code=1), "in template 2, and its role is in the stack of template 1")

    def lists(self):
        """A list that is not right is refused before AWS is asked anything."""
        same = "0123456789abcdef0123"
        for text, why in (
            ("# nobody\n", "names no organization"),
            ("", "names no organization"),
            ("o-aaaaaaaaaa 3000\n", "line 1: expected an organization"),
            (rows((*FIRST, same), (*SECOND, same)), "has the external id of another member"),
        ):
            one = self.fresh()
            one.list.write_text(text)
            expect(why in one.hub(code=1), True, f"what is said of {text!r}")
            expect(one.state()["log"], [], "what AWS was asked")
        # What is deployed counts, too.
        one = self.fresh(FIRST)
        one.hub()
        one.list.write_text(rows(FIRST, (*SECOND, one.listed()[FIRST[0]][1])))
        one.refused(one.hub(code=1), "have the same external id")

    def mistyped(self):
        for arguments in (("hub", EXPERIENCE, "members.txt"), ("spoke", "o.env"), ("spokes",)):
            one = self.fresh(FIRST)
            (one.folder / "o.env").write_text("Prefix=pmp-sync\n")
            one.hub()
            said = one.run(*arguments, "KmsKeyArm=x", code=1)
            expect("KmsKeyArm is no parameter of the template; did you mean KmsKeyArn?" in said, True, said)
            expect(one.state()["log"], [], "what AWS was asked")

    def again(self):
        """Parameters of a StackSet that are not given again stay."""
        one = self.fresh(FIRST)
        one.hub()
        one.run("spokes", "Mode=observe", "FilterName=exclude-ids")
        one.release("0.2.0")
        one.hub()
        one.set(instances=[FIRST[1]])
        one.run("spokes", "Drift=report")
        (asked,) = one.asked("cloudformation update-stack-set")
        found = {p["ParameterKey"]: p.get("ParameterValue", p.get("UsePreviousValue")) for p in json.loads(asked[asked.index("--parameters") + 1])}
        expect({name: found[name] for name in ("Mode", "FilterName", "Drift")}, {"Mode": True, "FilterName": True, "Drift": "report"}, "the parameters")
        zipped = {"CodeBucket": f"pmp-sync-code-{ACCOUNT}", "CodeKey": "0.2.0/pmp-spoke-arm64.zip", "Architecture": "arm64"}
        expect({name: found[name] for name in zipped}, zipped, "the zip, which is the new one's")
        one.set(instances=[FIRST[1], SECOND[1]])
        said = one.run("spokes", code=1)
        one.refused(said, "delete-stack-instances --region us-east-1 --stack-set-name pmp-sync-spokes-1")
        expect(f"--accounts {SECOND[1]}" in said, True, said)

    def bucket(self):
        """A bucket of that name that is another account's is not used."""
        one = self.fresh(FIRST)
        one.set(owner="999999999999")
        one.refused(one.hub(code=1), f"pmp-sync-code-{ACCOUNT} has to be a bucket of {ACCOUNT}")
        expect(one.asked("s3 mb") + one.asked("s3api put-object"), [], "what was put there")
        one.set(owner=ACCOUNT)
        one.hub()
        copies = one.asked("s3api put-object")
        expect([copy[copy.index("--expected-bucket-owner") + 1] for copy in copies], [ACCOUNT], "whose bucket it has to be")

    def filled(self):
        """Templates with a bucket say which zip they mean: a stack that is there would keep the last one."""
        one = self.fresh(FIRST)
        one.hub("KmsKeyArn=arn:aws:kms:us-east-1:111111111111:key/one")
        one.release("0.2.0")
        fill = [sys.executable, one.work / "templates" / "fill.py", "--bucket", "my-artifacts", one.work / "filled"]
        subprocess.run(fill, check=True, capture_output=True)
        key = "arn:aws:kms:us-east-1:111111111111:key/two"
        one.set(outputs=OUTPUTS | {"TablesKeyArn": key})
        one.hub(templates="filled")
        found = one.parameters("pmp-sync-hub")
        expect((found["CodeBucket"], found["CodeKey"]), ("my-artifacts", "0.2.0/pmp-hub-arm64.zip"), "the hub's zip")
        expect(one.parameters("pmp-sync-members-1")["TablesKeyArn"], key, "the key of the tables, for the members' roles")
        one.set(outputs=OUTPUTS)
        one.hub(templates="filled")
        expect(one.parameters("pmp-sync-members-1")["TablesKeyArn"], "", "the key of the tables that has none any more")

    def shrinking(self):
        """Who leaves is in no list any more, and a stack of roles that nobody is left in is deleted."""
        one = self.fresh(*many(300))
        said = one.hub()
        expect("pmp-hub init --admit" in said, True, said)
        expect(len(one.parameters("pmp-sync-hub")["SecondMemberOrganizationIds"].split(",")), 50, "the second list")
        kept = [(name, *rest) for name, rest in one.listed().items() if rest[2] == "1"]
        left = [word for name, rest in one.listed().items() if rest[2] == "2" for word in ("--remove", name)]
        one.list.write_text(rows(*kept))
        one.hub(*left)
        blank = {name: "" for name in ("SecondMemberOrganizationIds", "ThirdMemberOrganizationIds", "FourthMemberOrganizationIds")}
        expect({name: one.parameters("pmp-sync-hub")[name] for name in blank}, blank, "the other lists")
        expect(sorted(one.state()["stacks"]), ["pmp-sync-hub", "pmp-sync-members-1"], "the stacks")

    def roles(self):
        """What the organization asks of its roles, the members' roles have, too, and keep."""
        one = self.fresh(FIRST)
        one.hub(f"PermissionsBoundaryArn={BOUNDARY}", "RolePath=/market/", "SpokeRolePath=/spokes/", "SharedTopic=true")
        given = {"PermissionsBoundaryArn": BOUNDARY, "RolePath": "/market/", "SpokeRolePath": "/spokes/", "SharedTopic": "true"}
        for arguments in ((), ()):
            found = one.parameters("pmp-sync-members-1")
            expect({name: found[name] for name in given}, given, "the parameters of the members' stack")
            told = dict(line.split("=", 1) for line in (one.members / f"{FIRST[0]}.env").read_text().splitlines())
            expect(told["HubRoleArn"], f"arn:aws:iam::{ACCOUNT}:role/market/pmp-sync-member-{FIRST[0]}", "the role")
            expect((told["SharedTopic"], told["SpokeRolePath"]), ("true", "/spokes/"), "what the spoke has to have as well")
            one.hub(*arguments)

    def secrets(self):
        """External ids are in files of their owner alone, and in nothing that is printed."""
        one = self.fresh(FIRST)
        real = one.folder / "elsewhere.txt"
        one.list.rename(real)
        one.list.symlink_to(real)
        real.chmod(0o600)
        printed = one.hub()
        external_id = one.listed()[FIRST[0]][1]
        expect(one.list.is_symlink() and external_id in real.read_text(), True, "the list is written where it is")
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (real, *one.members.iterdir()) if path.stat().st_mode & 0o077}
        expect(modes, {}, "files that others may read")
        real.chmod(0o640)
        real.write_text(real.read_text() + rows(SECOND))
        one.hub()
        expect(oct(real.stat().st_mode & 0o777), "0o640", "the list's permissions")
        printed += one.run("spoke", one.members / f"{FIRST[0]}.env")
        expect(external_id in printed, False, "the external id is printed")
        expect("HubExternalId=***" in printed, True, f"what is printed:\n{printed}")
        expect(one.parameters("pmp-sync-spoke")["HubExternalId"], external_id, "what the spoke has")
        expect(list(one.work.rglob("__pycache__")), [], "what is left in the release's folder")

    def unanswered(self):
        """Only what AWS says is not there is not there."""
        one = self.fresh(FIRST)
        one.hub()
        one.run("spokes")
        for command in ("cloudformation describe-stacks", "s3api head-bucket", "cloudformation get-template"):
            one.set(errors={command: "An error occurred (Throttling): Rate exceeded"})
            one.refused(one.hub(code=1), "(Throttling): Rate exceeded")
        one.set(errors={"cloudformation describe-stack-set": "An error occurred (AccessDenied): not authorized"})
        one.refused(one.run("spokes", code=1), "(AccessDenied): not authorized")

    def policy(self):
        """The bucket's own statements stay, and so do another hub's."""
        one = self.fresh(FIRST)
        mine, other = {"Sid": "Mine", "Effect": "Deny"}, {"Sid": "MembersReadTheSpoke-second", "Effect": "Allow"}
        one.set(policy={"Version": "2012-10-17", "Statement": [mine, other]})
        one.hub()
        for _ in range(2):
            one.run("spokes")
            found = [statement["Sid"] for statement in one.state()["policy"]["Statement"]]
            expect(found, ["Mine", "MembersReadTheSpoke-second", "MembersReadTheSpoke-pmp-sync"], "the statements")
        expect(one.asked("s3api put-bucket-policy"), [], "what is written again")
        one.set(policy={"Version": "2012-10-17", "Statement": [mine | {"Resource": "x" * 20_300}]})
        said = one.run("spokes", code=1)
        expect("bytes, and S3 takes 20480" in said and "templates/fill.py" in said, True, said)

    def as_many_as_there_may_be(self):
        one = self.fresh(*many(1120))
        one.hub()
        expect((one.members / "bucket-policy.json").stat().st_size <= 20_480, True, "S3 takes the bucket's policy")
        one = self.fresh(*((f"o-{number:032}", account) for number, (_, account) in enumerate(many(1000))))
        said = one.hub(code=1)
        expect("bytes, and S3 takes 20480" in said, True, said)

    def mixed(self):
        """Parameters may follow an option."""
        one = self.fresh(FIRST)
        one.run("hub", EXPERIENCE, one.list, "--folder", "elsewhere", "Interval=2h")
        expect(one.parameters("pmp-sync-hub")["Interval"], "2h", "the parameter")
        expect((one.folder / "elsewhere" / "bucket-policy.json").exists(), True, "the folder")

    def all(self):
        for what, test in (
            ("a list that is written anew, in another release's folder, keeps external ids, and drops nobody", self.written_anew),
            ("a list that is not right is refused before AWS is asked anything", self.lists),
            ("a parameter that the template does not have is refused", self.mistyped),
            ("StackSets keep what is not given again", self.again),
            ("a bucket of another account is not used", self.bucket),
            ("templates that have a bucket say which zip they mean", self.filled),
            ("a list that shrinks leaves nothing behind", self.shrinking),
            ("the members' roles have what the organization asks for", self.roles),
            ("external ids are for their members alone", self.secrets),
            ("what AWS does not answer is not taken for missing", self.unanswered),
            ("a bucket's policy keeps what is not ours", self.policy),
            ("the bucket's policy of 1,120 members", self.as_many_as_there_may_be),
            ("parameters and options in any order", self.mixed),
        ):
            self.check(what, test)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="pmp-scripts-") as folder:
        scripts = Scripts(Path(folder))
        scripts.all()
    print(f"{scripts.passed} passed, {scripts.failed} failed")
    sys.exit(1 if scripts.failed else 0)
