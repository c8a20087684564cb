output "name" {
  description = "The function's name, which its metrics have as dimension"
  value       = aws_lambda_function.function.function_name
}

output "arn" {
  description = "The function's ARN"
  value       = aws_lambda_function.function.arn
}

output "role_arn" {
  description = "The ARN of the role as which it runs"
  value       = aws_iam_role.function.arn
}
