# The Lambda function of either program: its role, what the role may do, its log group, and the function itself. What invokes it is
# the caller's.

locals {
  # May do what every function of pmp-sync does, beside what the caller says.
  write_the_log = {
    Sid      = "WriteTheLog"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    Resource = "${aws_cloudwatch_log_group.function.arn}:*"
  }
}

resource "aws_iam_role" "function" {
  name                 = var.name
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  description          = var.role_description
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }],
      var.trust_statements
    )
  })
}

resource "aws_iam_role_policy" "function" {
  name = var.policy_name
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(var.statements, [local.write_the_log])
  })
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${var.name}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_lambda_function" "function" {
  function_name                  = var.name
  description                    = var.description
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  s3_bucket                      = var.code_bucket
  s3_key                         = var.code_key
  layers                         = var.layers
  role                           = aws_iam_role.function.arn
  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrency
  tags                           = var.tags

  environment {
    variables = var.environment
  }
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function.name
  }
  lifecycle {
    precondition {
      condition     = alltrue([for one in var.requirements : one.condition])
      error_message = join(" ", [for one in var.requirements : one.error_message if !one.condition])
    }
  }
  # The first invocation may come at once, and the role has to have its permissions by then.
  depends_on = [aws_iam_role_policy.function]
}
