# Alarms and the dashboard. docs/metrics.md describes the metrics: a value that is not known is missing. An alarm on a metric that describes the
# state after a pass keeps its state until the next pass. An alarm on a metric that counts events treats a missing value as good.

locals {
  on_experience = { Experience = var.experience_id }
  on_function   = { FunctionName = module.function.name }
  ours          = ["Experience", var.experience_id]

  alarms = {
    "function-errors" = {
      description = "The spoke could not start, or ended without an answer. The log says why, and what to do."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      statistic   = "Sum"
      dimensions  = local.on_function
      period      = 300
      periods     = 1
    }
    "throttles" = {
      description = "Lambda had no room to run the spoke. Look at the account's concurrency."
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      statistic   = "Sum"
      dimensions  = local.on_function
      period      = 300
      periods     = 3
    }
    "passes-failed" = {
      description = "Passes fail as a whole. The log says why, and what to do."
      namespace   = "pmp-sync"
      metric      = "Errors"
      statistic   = "Sum"
      dimensions  = merge(local.on_experience, { Component = "spoke" })
      period      = 900
      periods     = 2
    }
    "failed" = {
      description = "A member experience could not be brought into step. Its receipt says why; `pmp-hub status` shows it."
      namespace   = "pmp-sync"
      metric      = "Failed"
      statistic   = "Maximum"
      dimensions  = local.on_experience
      period      = 3600
      periods     = 1
      missing     = "ignore"
    }
    "held" = {
      description = "A guard rail holds a member experience until an operator confirms it. `pmp-hub status` says how."
      namespace   = "pmp-sync"
      metric      = "Held"
      statistic   = "Maximum"
      dimensions  = local.on_experience
      period      = 3600
      periods     = 1
      missing     = "ignore"
    }
    "drift" = {
      description = "Someone else changed products of a member experience; the spoke has put them back."
      namespace   = "pmp-sync"
      metric      = "DriftedProducts"
      statistic   = "Sum"
      dimensions  = local.on_experience
      period      = 3600
      periods     = 1
      missing     = "ignore"
    }
    "dead-letters" = {
      description = "Messages were set aside. Their attribute pmp-sync-reason says why."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      statistic   = "Maximum"
      dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }
      period      = 300
      periods     = 1
    }
    "oldest-message" = {
      description = "A message waits for longer than oldest_message_seconds. Is the spoke paused, or does every pass fail?"
      namespace   = "AWS/SQS"
      metric      = "ApproximateAgeOfOldestMessage"
      statistic   = "Maximum"
      dimensions  = { QueueName = aws_sqs_queue.snapshots.name }
      period      = 300
      periods     = 1
      threshold   = var.oldest_message_seconds
    }
  }
  # Raised where nothing comes from the hub any more, or where it does not renew its signature. Of the alarms here this is the only one
  # that a missing figure raises.
  freeze_alarms = {
    "freeze" = {
      description = "The hub's signature ends within twelve hours, has ended, or no announcement came for a day. Nothing changes here without it."
      namespace   = "pmp-sync"
      metric      = "StatementSecondsLeft"
      always      = true
      statistic   = "Minimum"
      dimensions  = local.on_experience
      # Less than the shortest lifetime, which a hub that announces renews in time.
      period     = 86400
      periods    = 1
      threshold  = 43200
      comparison = "LessThanThreshold"
      missing    = "breaching"
    }
  }

  widgets = [
    {
      title  = "Member experiences in trouble"
      stat   = "Maximum"
      period = 3600
      metrics = [
        concat(["pmp-sync", "Failed"], local.ours),
        [".", "Held", ".", "."],
        [".", "Partial", ".", "."],
      ]
    },
    {
      title  = "In step"
      stat   = "Minimum"
      period = 3600
      metrics = [
        concat(["pmp-sync", "Synced"], local.ours),
      ]
    },
    {
      title  = "Products changed by someone else, and set aside"
      stat   = "Maximum"
      period = 3600
      metrics = [
        concat(["pmp-sync", "DriftedProducts"], local.ours),
        [".", "QuarantinedProducts", ".", "."],
      ]
    },
    {
      title  = "From announcement to receipt, ms"
      stat   = null
      period = 3600
      metrics = [
        concat(["pmp-sync", "PublishToReceiptMillis"], local.ours, [{ stat = "p50" }]),
        ["...", { stat = "p95" }],
      ]
    },
    {
      title  = "A change set, ms"
      stat   = null
      period = 3600
      metrics = [
        concat(["pmp-sync", "ChangeSetMillis"], local.ours, [{ stat = "p50" }]),
        ["...", { stat = "p95" }],
      ]
    },
    {
      title  = "Change sets, products allowed and denied"
      stat   = "Sum"
      period = 3600
      metrics = [
        concat(["pmp-sync", "ChangeSets"], local.ours),
        [".", "AllowedProducts", ".", "."],
        [".", "DeniedProducts", ".", "."],
      ]
    },
    {
      title  = "Errors and throttles"
      stat   = "Sum"
      period = 300
      metrics = [
        ["AWS/Lambda", "Errors", "FunctionName", module.function.name],
        concat(["pmp-sync", "Errors", "Component", "spoke"], local.ours),
        [".", "Throttles", ".", ".", ".", "."],
      ]
    },
    {
      title  = "Products that the filter takes away"
      stat   = null
      period = 3600
      metrics = [
        concat(["pmp-sync", "ExcludedProducts"], local.ours, [{ stat = "Maximum" }]),
        [".", "FilterFailures", ".", ".", { stat = "Sum" }],
      ]
    },
    {
      title  = "The filter, ms"
      stat   = null
      period = 3600
      metrics = [
        concat(["pmp-sync", "FilterMillis"], local.ours, [{ stat = "p50" }]),
        ["...", { stat = "p95" }],
      ]
    },
    {
      title  = "Dead letters"
      stat   = "Maximum"
      period = 300
      metrics = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.dead_letters.name],
      ]
    },
    {
      title  = "Age of the oldest message, s"
      stat   = "Maximum"
      period = 300
      metrics = [
        ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", aws_sqs_queue.snapshots.name],
      ]
    },
    {
      title  = "Duration of an invocation, ms"
      stat   = null
      period = 300
      metrics = [
        ["AWS/Lambda", "Duration", "FunctionName", module.function.name, { stat = "p50" }],
        ["...", { stat = "p95" }],
      ]
    },
  ]
}

module "observability" {
  source = "../modules/observability"

  name            = "${var.prefix}-spoke"
  alarms          = merge(local.alarms, { for name, alarm in local.freeze_alarms : name => alarm if var.trusted_keys != null })
  metrics         = var.metrics
  widgets         = var.make_dashboard ? local.widgets : null
  region          = local.region
  alarm_topic_arn = var.alarm_topic_arn
  tags            = local.tags
}

# What applied before there was a module for alarms and the dashboard.
moved {
  from = aws_cloudwatch_metric_alarm.spoke
  to   = module.observability.aws_cloudwatch_metric_alarm.alarm
}
moved {
  from = aws_cloudwatch_metric_alarm.freeze["freeze"]
  to   = module.observability.aws_cloudwatch_metric_alarm.alarm["freeze"]
}
moved {
  from = aws_cloudwatch_dashboard.spoke
  to   = module.observability.aws_cloudwatch_dashboard.dashboard
}
