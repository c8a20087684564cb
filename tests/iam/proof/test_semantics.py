"""The proof's own parts: patterns, what formulas say of one request, and that nothing unknown is skipped."""

import unittest

import z3

from documents import Policy
from formulas import Decision, Request, Universe
from patterns import NotUnderstood, Pattern, cells, in_order
from template import Template

LEADING, ORGANIZATION, ARN, TLS = "dynamodb:LeadingKeys", "aws:PrincipalOrgID", "aws:PrincipalArn", "aws:SecureTransport"
ROLE = "arn:aws:iam::111111111111:role/a/b"


def decided(statements, request, kind="identity"):
    universe = Universe()
    decision = Decision(universe, Policy("of a test", kind, "111111111111", statements))
    universe.close()
    if universe.asker(decision.denied)(request):
        return "denied"
    return "allowed" if universe.asker(decision.allowed)(request) else "not allowed"


def holds(operator, key, values, **given):
    """Whether a condition holds for a request with this value of the key, or without the key."""
    keys = {key.lower(): given["of"]} if "of" in given else {}
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {key: values}}}
    return decided([statement], Request("a:B", "arn:aws:a:::b", keys)) == "allowed"


class Conditions(unittest.TestCase):
    """Each row is documented at
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html and, for sets of values,
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    """

    def test_operators_hold_as_documented(self):
        for operator, key, values, value, expected in [
            ("StringEquals", ORGANIZATION, ["o-a", "o-b"], "o-b", True),
            ("StringEquals", ORGANIZATION, "o-a", "O-a", False),
            ("StringEquals", ORGANIZATION, "o-*", "o-a", False),
            ("StringEquals", ORGANIZATION, "o-a", None, False),
            ("StringEqualsIfExists", ORGANIZATION, "o-a", None, True),
            ("StringEqualsIfExists", ORGANIZATION, "o-a", "o-b", False),
            ("StringNotEquals", ORGANIZATION, ["o-a", "o-b"], "o-b", False),
            ("StringNotEquals", ORGANIZATION, ["o-a", "o-b"], "o-c", True),
            ("StringNotEquals", ORGANIZATION, "o-a", None, True),
            ("StringLike", ORGANIZATION, "o-?*", "o-ab", True),
            ("StringLike", ORGANIZATION, "o-?*", "o-", False),
            ("StringNotLike", ORGANIZATION, "o-*", "p", True),
            ("ArnEquals", ARN, "arn:aws:iam::*:role/*", ROLE, True),
            ("ArnLike", ARN, "arn:aws:iam::*:role/?", ROLE, False),
            ("ArnLike", ARN, "arn:aws:*:role/*:::", ROLE, False),
            ("ArnLike", ARN, "arn:aws:i*::1*:role/a/b", ROLE, True),
            ("ArnNotLike", ARN, "arn:aws:iam::*:role/*", ROLE, False),
            ("ArnNotLike", ARN, "arn:aws:iam::*:role/*", None, True),
            ("Bool", TLS, "false", "False", True),
            ("Bool", TLS, "false", "true", False),
            ("Bool", TLS, "false", None, False),
            ("Null", TLS, "true", None, True),
            ("Null", TLS, "false", None, False),
            ("Null", TLS, "false", "true", True),
            ("Null", LEADING, "false", [], False),
            ("Null", LEADING, "false", ["a"], True),
            ("ForAllValues:StringEquals", LEADING, ["a", "b"], ["a", "b", "a"], True),
            ("ForAllValues:StringEquals", LEADING, ["a", "b"], ["a", "c"], False),
            ("ForAllValues:StringEquals", LEADING, ["a"], [], True),
            ("ForAllValues:StringEquals", LEADING, ["a"], None, True),
            ("ForAnyValue:StringLike", LEADING, ["a*"], ["b", "ab"], True),
            ("ForAnyValue:StringLike", LEADING, ["a*"], ["b"], False),
            ("ForAnyValue:StringLike", LEADING, ["a*"], None, False),
        ]:
            with self.subTest(operator=operator, values=values, value=value):
                given = {} if value is None else {"of": value}
                self.assertEqual(holds(operator, key, values, **given), expected)

    def test_all_conditions_of_a_statement_have_to_hold(self):
        both = {"StringEquals": {ORGANIZATION: "o-a"}, "Bool": {TLS: "true"}}
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": both}
        for keys, expected in [
            ({"aws:principalorgid": "o-a", "aws:securetransport": "true"}, "allowed"),
            ({"aws:principalorgid": "o-a"}, "not allowed"),
            ({"aws:securetransport": "true"}, "not allowed"),
        ]:
            self.assertEqual(decided([statement], Request("a:B", "arn:aws:a:::b", keys)), expected)


class Statements(unittest.TestCase):
    def test_elements_mean_what_is_documented(self):
        every = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        item = Request("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111111111111:table/a")
        for statements, expected in [
            ([every], "allowed"),
            ([every, {"Effect": "Deny", "Action": "DynamoDB:get*", "Resource": "*"}], "denied"),
            ([{**every, "Action": "dynamodb:getitem"}], "allowed"),
            ([{**every, "Resource": "arn:aws:dynamodb:*:*:table/?"}], "allowed"),
            ([{**every, "Resource": "arn:aws:dynamodb:*:*:TABLE/?"}], "not allowed"),
            ([{"Effect": "Allow", "NotAction": ["dynamodb:Put*"], "Resource": "*"}], "allowed"),
            ([{"Effect": "Allow", "NotAction": ["dynamodb:*"], "Resource": "*"}], "not allowed"),
            ([{"Effect": "Allow", "Action": "*", "NotResource": ["arn:aws:dynamodb:us-east-1:111111111111:table/*"]}], "not allowed"),
            ([], "not allowed"),
        ]:
            with self.subTest(statements=statements):
                self.assertEqual(decided(statements, item), expected)

    def test_principals_are_accounts_roles_services_or_everybody(self):
        role = Request("sts:AssumeRole", "", {}, "111111111111", ROLE)
        service = Request("sts:AssumeRole", "", {}, service="lambda.amazonaws.com")
        for principal, of_a_role, of_a_service in [
            ("*", "allowed", "allowed"),
            ({"AWS": "*"}, "allowed", "allowed"),
            ({"AWS": "111111111111"}, "allowed", "not allowed"),
            ({"AWS": ["arn:aws:iam::111111111111:root"]}, "allowed", "not allowed"),
            ({"AWS": "222222222222"}, "not allowed", "not allowed"),
            ({"AWS": ROLE}, "allowed", "not allowed"),
            ({"Service": "lambda.amazonaws.com"}, "not allowed", "allowed"),
        ]:
            with self.subTest(principal=principal):
                statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
                self.assertEqual(decided([statement], role, "trust"), of_a_role)
                self.assertEqual(decided([statement], service, "trust"), of_a_service)


class Cells(unittest.TestCase):
    # Of the templates, and some that overlap.
    SETS = [
        ["text hub#*", "text hub#o-*", "exact hub#heads", "exact o-alpha00000", "text o-*"],
        ["text a*b", "text *b*", "text ?b", "exact ab"],
        ["arn arn:aws:iam::*:role/a", "arn arn:aws:iam::*:role/*/a", "exact arn:aws:iam::1:role/a"],
        ["resource arn:a:b:c:*:d/*", "resource arn:a:b:c:1:d/e", "resource *"],
    ]

    def test_cells_are_all_there_are_by_z3s_own_expressions(self):
        for texts in self.SETS:
            patterns = in_order(Pattern(*text.split(" ", 1)) for text in texts)
            text, found = z3.String("text"), cells(patterns)
            inside = [expression(text, pattern) for pattern in patterns]
            for matched, witness in found.items():
                for pattern in patterns:
                    self.assertEqual(pattern.matches(witness), pattern in matched, (witness, pattern))
            # A text that lies in none of the cells would match another set of patterns.
            solver = z3.Solver()
            solver.set("timeout", 60_000)
            for matched in found:
                solver.add(z3.Not(z3.And([one if pattern in matched else z3.Not(one) for one, pattern in zip(inside, patterns)])))
            self.assertEqual(solver.check(), z3.unsat, texts)


def expression(text, pattern):
    """What a pattern means, in z3's theory of texts and regular expressions: without the automata of `patterns.py`."""
    every, colon = z3.AllChar(z3.ReSort(z3.StringSort())), z3.Re(":")
    not_colon = z3.Intersect(every, z3.Complement(colon))
    parts, colons = [z3.Re("")], 0
    for place, one in enumerate(pattern.text):
        colons += one == ":"
        if pattern.kind == "exact" or one not in "*?":
            parts.append(z3.Re(one))
            continue
        in_part = pattern.kind in ("arn", "resource") and colons < 5 and pattern.text != "*"
        last = pattern.kind == "resource" and one == "*" and pattern.text[place + 1 :].startswith(":")
        unit = not_colon if in_part and not last else every
        parts.append(z3.Star(unit) if one == "*" else unit)
    return z3.InRe(text, z3.Concat(*parts, z3.Re("")))


class Unknown(unittest.TestCase):
    def test_what_is_not_known_is_an_error(self):
        every = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        for changed in [
            {"Condition": {"StringEqualsIgnoreCase": {ORGANIZATION: "o"}}},
            {"Condition": {"NumericEquals": {ORGANIZATION: "1"}}},
            {"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}},
            {"Condition": {"StringEquals": {ORGANIZATION: "${aws:ResourceOrgID}"}}},
            {"Condition": {"StringEquals": {LEADING: "o"}}},
            {"Condition": {"ForAllValues:StringEquals": {ORGANIZATION: "o"}}},
            {"Condition": {"ForAllValues:StringNotEquals": {LEADING: "o"}}},
            {"Condition": {"ArnLike": {ARN: "*"}}},
            {"Condition": {"Null": {TLS: "maybe"}}},
            {"Resource": "arn:aws:s3:::bucket/${aws:username}"},
            {"Resource": "arn:aws:s3"},
            {"Resource": []},
            {"Effect": "Permit"},
            {"Principal": "*"},
            {"Note": "x"},
        ]:
            with self.subTest(changed=changed), self.assertRaises(NotUnderstood):
                decided([{**every, **changed}], Request("a:B", "arn:aws:a:::b"))
        for principal in [{"Federated": "x"}, {"AWS": "arn:aws:iam::*:root"}, {"AWS": "AROAEXAMPLE"}]:
            with self.subTest(principal=principal), self.assertRaises(NotUnderstood):
                decided([{"Effect": "Allow", "Principal": principal, "Action": "*"}], Request("a:B", ""), "trust")
        with self.assertRaises(NotUnderstood):
            decided([{**every, "NotPrincipal": "*"}], Request("a:B", "arn:aws:a:::b"), "resource")

    def test_an_unknown_function_of_a_template_is_an_error(self):
        template = Template("change-events", "111111111111", {"HubEventBusArn": "arn:aws:events:us-east-1:111111111111:event-bus/x"})
        for expression in [
            {"Fn::ImportValue": "x"},
            {"Fn::Select": [0, ["a"]]},
            {"Fn::GetAtt": ["ForwardingRole", "RoleId"]},
            {"Ref": "NotForwardedAlarm"},
            {"Fn::Sub": "${!literal}"},
        ]:
            with self.subTest(expression=expression), self.assertRaises(NotUnderstood):
                template.value(expression)
        with self.assertRaises(NotUnderstood):
            template.test({"Fn::Contains": [["a"], "a"]})


if __name__ == "__main__":
    unittest.main()
