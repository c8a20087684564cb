# Variables of spoke, by the same names.

output "prefix" {
  description = "What all names begin with"
  value       = var.prefix
}

output "experience_id" {
  description = "The management experience"
  value       = var.experience_id
}

output "snapshots_table_arn" {
  description = "The hub's table of snapshots"
  value       = var.snapshots_table_arn
}

output "timestamps_table_arn" {
  description = "The hub's table of receipts"
  value       = var.timestamps_table_arn
}

output "topic_arn" {
  description = "The hub's topic"
  value       = var.topic_arn
}

output "shared_topic" {
  description = "Whether it carries further management experiences"
  value       = var.shared_topic
}

output "organization_id" {
  description = "The member organization"
  value       = var.organization_id
}

output "hub_role_arn" {
  description = "The role that the spoke assumes for the hub's tables"
  value       = aws_iam_role.member.arn
}

output "spoke_role_path" {
  description = "The path of the spoke's role"
  value       = var.spoke_role_path
}

output "hub_external_id" {
  description = "What the spoke has to say to assume it"
  value       = var.hub_external_id
}
