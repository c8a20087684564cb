"""How each evaluator reads otherwise than the formulas. A difference that these do not explain fails, and so does one of these that no
request shows any more.

"Policy elements" and "condition operators" are these pages of the IAM User Guide:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

EMPTY_IS_A_VALUE = "an empty list counts as a value"
STAR_ENDS_AT_COLON = "a `*` that ends a part of a resource's ARN stops at the colon"
WILDCARDS_CROSS_COLONS = "wildcards run over the colons of an ARN"
CASE_IS_IGNORED = "upper and lower case are the same in ARNs"
CASE_IS_IGNORED_BEFORE_THE_RESOURCE = "upper and lower case are the same before the resource of an ARN"
NOT_TRUE_IS_FALSE = "a Bool that is not `true` is false"
SERVICES_ARE_NOBODY = "services are not among `{AWS: *}`"

# The reason, by evaluator. The versions are pinned: iam-simulate 0.1.173, PMapper 1.1.5.
KNOWN = {
    "iam-simulate": {
        EMPTY_IS_A_VALUE: "Condition operators: `Null` asks whether a key exists and is not null. DynamoDB sends no empty list.",
        STAR_ENDS_AT_COLON: "Policy elements: a `*` that ends a part can match beyond its colon. No ARN of AWS is such.",
        CASE_IS_IGNORED_BEFORE_THE_RESOURCE: "ARNs are case-sensitive; AWS writes these parts in lower case alone.",
    },
    "PMapper": {
        EMPTY_IS_A_VALUE: "As above.",
        CASE_IS_IGNORED: "Policy elements, and condition operators: ARNs are case-sensitive. PMapper compares them with `re.IGNORECASE`.",
        WILDCARDS_CROSS_COLONS: "Condition operators: each part of an ARN is checked by itself.",
        NOT_TRUE_IS_FALSE: "`aws:SecureTransport` is `true` or `false`. PMapper says so in its comment.",
        SERVICES_ARE_NOBODY: 'AWS: `"*"` and `{"AWS": "*"}` are the same. The conditions of the templates keep services out.',
    },
}
