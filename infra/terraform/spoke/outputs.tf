output "queue_url" {
  description = "The queue, for pmp-spoke run in place of the function"
  value       = aws_sqs_queue.snapshots.id
}

output "dead_letters_url" {
  description = "Where messages are set aside"
  value       = aws_sqs_queue.dead_letters.id
}

output "function_role_arn" {
  description = "The spoke's role, for protect.yaml"
  value       = module.function.role_arn
}

output "function_name" {
  description = "The function"
  value       = module.function.name
}
