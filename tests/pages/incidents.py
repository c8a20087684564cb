"""How each incident of docs/runbook.md comes about in the world of docs/rehearse.md: commands for its shell, by the heading on the page.

`hub`, `spoke` and `person` are the functions of docs/rehearse.md. Both experiences are in step with snapshot 1 before.
"""

AS_HUB = '(eval "$(pmp-local env Hub)"; . ./hub.env; '
AS_MEMBER = '(eval "$(pmp-local env Member)"; . ./member.env; '

INCIDENTS = {
    "A plan is held": """
        person Hub exp-management DenyProductProcurement prod-a prod-b prod-c
        hub publish
        spoke sync
        [ $? = 3 ]
    """,
    "The catalog refuses a product": """
        person Hub exp-management AllowProductProcurement prod-bad
        curl -sf "localhost:$PMP_LOCAL_PORT/_local/poison" -H 'Content-Type: application/json' -d '{"add": ["prod-bad"]}'
        hub publish
        spoke sync
        hub status --check
        [ $? = 4 ]
    """,
    "A permission is missing": """
        pmp-local fault add access-denied --account 222222222222 --operation StartChangeSet
        person Hub exp-management AllowProductProcurement prod-e
        hub publish
        spoke sync
        [ $? = 1 ]
    """,
    "A spoke is silent": """
        export PMP_STALE_AFTER=10s
        sleep 11
    """,
    "A member has never reported": """
        hub members admit o-member0002
    """,
    "An organization is not on the roster": """
        hub members forget o-member0001 o-member0001
        hub members admit o-member0002
        spoke sync
    """,
    "Somebody else changes an experience": """
        person Member exp-sandbox AllowProductProcurement prod-z
        spoke sync
    """,
    "An edit is left as it is": """
        person Member exp-sandbox AllowProductProcurement prod-z
        export PMP_DRIFT=report
        spoke sync
        hub status --state drifted
    """,
    "Another spoke is at work": """
        pmp-local fault add latency --account 222222222222 --operation DescribeEntity --min 10s --next 2
        pmp-local fault add latency --account 222222222222 --operation BatchDescribeEntities --min 10s --next 2
        (spoke sync --wait > other.txt 2>&1 &)
        until curl -sf "localhost:$PMP_LOCAL_PORT/_local/faults" | grep -qE '"fired": ?[1-9]'; do sleep 0.2; done
    """,
    "The Snapshots table was restored": AS_HUB
    + """
        aws dynamodb get-item --table-name pmp-sync-Snapshots --query Item \
            --key '{"experience": {"S": "exp-management"}, "item": {"S": "head"}}' > head.json)
        person Hub exp-management AllowProductProcurement prod-e
        hub publish
        spoke sync
        (eval "$(pmp-local env Hub)"; aws dynamodb put-item --table-name pmp-sync-Snapshots --item file://head.json)
    """,
    "The hub publishes nothing": """
        pmp-local fault add access-denied --account 111111111111 --operation DescribeEntity
    """,
    "The hub's role refuses the spoke": """
        sed -i 's/ PMP_HUB_EXTERNAL_ID=rehearsal//' member.env
        spoke() {
          (given=$PMP_HUB_EXTERNAL_ID; eval "$(pmp-local env Member)"; . ./member.env
           export PMP_HUB_EXTERNAL_ID=$given; pmp-local spoke "$@")
        }
        export PMP_HUB_EXTERNAL_ID=mistyped
    """,
    "The queue is not subscribed": AS_MEMBER
    + """
        for one in $(aws sns list-subscriptions --query 'Subscriptions[].SubscriptionArn' --output text); do
            aws sns unsubscribe --subscription-arn "$one"
        done)
    """,
    "Messages are in the dead-letter queue": AS_MEMBER
    + """
        aws sqs send-message --queue-url "$PMP_QUEUE_URL" --message-body '{"schema": "pmp-sync.snapshot/9"}')
        spoke run --stop-after 4s
        . ./member.env
    """,
    "A product is missing in one organization": """
        export PMP_FILTER=exclude-ids PMP_FILTER_CONFIG='{"ids": ["prod-a"]}'
        spoke sync
    """,
    "The filter cannot be used": """
        export PMP_FILTER=./no-genai.wasm
        spoke sync
        [ $? = 1 ]
    """,
    "The management experience was changed by mistake": """
        person Hub exp-management DenyProductProcurement prod-a prod-b prod-c
    """,
    "The ledger does not answer": """
        pmp-local fault add unavailable --service dynamodb
    """,
    "An experience is skipped": AS_MEMBER
    + """
        aws marketplace-catalog start-change-set --catalog AWSMarketplace --change-set '[{"ChangeType": "UpdateExperience",
            "Entity": {"Type": "Experience@1.0", "Identifier": "exp-sandbox"}, "Details": "{\\"Status\\": \\"Disabled\\"}"}]')
        sleep 1
        spoke sync
    """,
    "The snapshot is not trusted": """
        openssl genpkey -algorithm ed25519 -out hub.key
        openssl genpkey -algorithm ed25519 -out other.key
        chmod 600 hub.key other.key
        openssl pkey -in hub.key -pubout -out hub.pem
        openssl pkey -in other.key -pubout -out other.pem
        export PMP_SIGNING_KEY=file:hub.key
        hub publish
        export PMP_TRUSTED_KEYS=other.pem
    """,
    "A wrong approval is everywhere": """
        person Hub exp-management AllowProductProcurement prod-e
        hub publish
        spoke sync
        export PMP_MAX_REMOVED_PERCENT=10
    """,
    "A version is stopped in the waves": """
        export PMP_WAVES='{"on_failure": "roll-back", "waves": [{"name": "all", "share": 100}]}'
        hub publish
        person Hub exp-management AllowProductProcurement prod-bad
        curl -sf "localhost:$PMP_LOCAL_PORT/_local/poison" -H 'Content-Type: application/json' -d '{"add": ["prod-bad"]}'
        hub publish
        spoke sync
        [ $? = 1 ]
        hub publish
        spoke sync
        curl -sf "localhost:$PMP_LOCAL_PORT/_local/poison" -H 'Content-Type: application/json' -d '{"remove": ["prod-bad"]}'
    """,
}
