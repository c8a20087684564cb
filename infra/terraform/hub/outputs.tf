# Variables of hub-member, by the same names; hub_event_bus_arn is a parameter of change-events.yaml.

output "prefix" {
  description = "What all names begin with"
  value       = var.prefix
}

output "experience_id" {
  description = "The management experience"
  value       = var.experience_id
}

output "tables_key_arn" {
  description = "The key of the tables"
  value       = var.kms_key_arn
}

output "snapshots_table_arn" {
  description = "The table of snapshots"
  value       = aws_dynamodb_table.ledger["Snapshots"].arn
}

output "timestamps_table_arn" {
  description = "The table of receipts"
  value       = aws_dynamodb_table.ledger["SyncTimestamps"].arn
}

output "topic_arn" {
  description = "The topic on which snapshots are announced"
  value       = aws_sns_topic.snapshots.arn
}

output "observer_policy_arn" {
  description = "For people who look"
  value       = aws_iam_policy.observer.arn
}

output "operator_policy_arn" {
  description = "For people who confirm, pin and pause, beside the observer's"
  value       = aws_iam_policy.operator.arn
}

output "hub_event_bus_arn" {
  description = "The bus that takes forwarded change events"
  value       = "arn:${local.partition}:events:${local.region}:${local.account}:event-bus/default"
}
