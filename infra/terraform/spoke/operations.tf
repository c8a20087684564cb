# Alarms and the dashboard. Metrics as docs/metrics.md tells them: what is not known is missing. Where a metric tells how things stand
# after a pass, an alarm stays as it is until the next pass; where it counts what happened, nothing is well.

locals {
  on_experience = { Experience = var.experience_id }
  on_function   = { FunctionName = aws_lambda_function.spoke.function_name }

  alarms = {
    "function-errors" = {
      description = "The spoke could not start, or ended without an answer. The log says why, and what to do."
      metric      = ["AWS/Lambda", "Errors", "Sum"], dimensions = local.on_function
      period      = 300, periods = 1, threshold = 0
    }
    "throttles" = {
      description = "Lambda had no room to run the spoke. Look at the account's concurrency."
      metric      = ["AWS/Lambda", "Throttles", "Sum"], dimensions = local.on_function
      period      = 300, periods = 3, threshold = 0
    }
    "passes-failed" = {
      description = "Passes fail as a whole. The log says why, and what to do."
      metric      = ["pmp-sync", "Errors", "Sum"], dimensions = merge(local.on_experience, { Component = "spoke" })
      period      = 900, periods = 2, threshold = 0
    }
    "failed" = {
      description = "A member experience could not be brought into step. Its receipt says why; `pmp-hub status` shows it."
      metric      = ["pmp-sync", "Failed", "Maximum"], dimensions = local.on_experience
      period      = 3600, periods = 1, threshold = 0, missing = "ignore"
    }
    "held" = {
      description = "A guard rail holds a member experience until an operator confirms it. `pmp-hub status` says how."
      metric      = ["pmp-sync", "Held", "Maximum"], dimensions = local.on_experience
      period      = 3600, periods = 1, threshold = 0, missing = "ignore"
    }
    "drift" = {
      description = "Someone else changed products of a member experience; the spoke has put them back."
      metric      = ["pmp-sync", "DriftedProducts", "Sum"], dimensions = local.on_experience
      period      = 3600, periods = 1, threshold = 0, missing = "ignore"
    }
    "dead-letters" = {
      description = "Messages were set aside. Their attribute pmp-sync-reason says why."
      metric      = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"], dimensions = { QueueName = aws_sqs_queue.dead_letters.name }
      period      = 300, periods = 1, threshold = 0
    }
    "oldest-message" = {
      description = "A message waits for longer than OldestMessageSeconds. Is the spoke paused, or does every pass fail?"
      metric      = ["AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum"], dimensions = { QueueName = aws_sqs_queue.snapshots.name }
      period      = 300, periods = 1, threshold = var.oldest_message_seconds
    }
  }
  # Nothing comes from the hub any more, or it does not renew its signature: what is missing is breaching, here alone.
  freeze_alarms = {
    "freeze" = {
      description = "The hub's signature ends within twelve hours, has ended, or no announcement came for a day. Nothing changes here without it."
      metric      = ["pmp-sync", "StatementSecondsLeft", "Minimum"], dimensions = local.on_experience
      # Less than the shortest lifetime, which a hub that announces renews in time.
      period = 86400, periods = 1, threshold = 43200
    }
  }
  alarm_actions = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]

  ours = ["Experience", var.experience_id]
  widgets = [
    { title = "Member experiences in trouble", stat = "Maximum", period = 3600, metrics = [concat(["pmp-sync", "Failed"], local.ours), [".", "Held", ".", "."], [".", "Partial", ".", "."]] },
    { title = "In step", stat = "Minimum", period = 3600, metrics = [concat(["pmp-sync", "Synced"], local.ours)] },
    { title = "Products changed by someone else, and set aside", stat = "Maximum", period = 3600, metrics = [concat(["pmp-sync", "DriftedProducts"], local.ours), [".", "QuarantinedProducts", ".", "."]] },
    { title = "From announcement to receipt, ms", stat = null, period = 3600, metrics = [concat(["pmp-sync", "PublishToReceiptMillis"], local.ours, [{ stat = "p50" }]), ["...", { stat = "p95" }]] },
    { title = "A change set, ms", stat = null, period = 3600, metrics = [concat(["pmp-sync", "ChangeSetMillis"], local.ours, [{ stat = "p50" }]), ["...", { stat = "p95" }]] },
    { title = "Change sets, products allowed and denied", stat = "Sum", period = 3600, metrics = [concat(["pmp-sync", "ChangeSets"], local.ours), [".", "AllowedProducts", ".", "."], [".", "DeniedProducts", ".", "."]] },
    { title = "Errors, and answers that ask to slow down", stat = "Sum", period = 300, metrics = [["AWS/Lambda", "Errors", "FunctionName", aws_lambda_function.spoke.function_name], concat(["pmp-sync", "Errors", "Component", "spoke"], local.ours), [".", "Throttles", ".", ".", ".", "."]] },
    { title = "Products that the filter takes away", stat = null, period = 3600, metrics = [concat(["pmp-sync", "ExcludedProducts"], local.ours, [{ stat = "Maximum" }]), [".", "FilterFailures", ".", ".", { stat = "Sum" }]] },
    { title = "The filter, ms", stat = null, period = 3600, metrics = [concat(["pmp-sync", "FilterMillis"], local.ours, [{ stat = "p50" }]), ["...", { stat = "p95" }]] },
    { title = "Dead letters", stat = "Maximum", period = 300, metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.dead_letters.name]] },
    { title = "Age of the oldest message, s", stat = "Maximum", period = 300, metrics = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", aws_sqs_queue.snapshots.name]] },
    { title = "Duration of an invocation, ms", stat = null, period = 300, metrics = [["AWS/Lambda", "Duration", "FunctionName", aws_lambda_function.spoke.function_name, { stat = "p50" }], ["...", { stat = "p95" }]] },
  ]
}

resource "aws_cloudwatch_metric_alarm" "spoke" {
  for_each = local.alarms

  alarm_name          = "${var.prefix}-spoke-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  statistic           = each.value.metric[2]
  dimensions          = each.value.dimensions
  period              = each.value.period
  evaluation_periods  = each.value.periods
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = lookup(each.value, "missing", "notBreaching")
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "freeze" {
  for_each = { for name, alarm in local.freeze_alarms : name => alarm if var.trusted_keys != null }

  alarm_name          = "${var.prefix}-spoke-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  statistic           = each.value.metric[2]
  dimensions          = each.value.dimensions
  period              = each.value.period
  evaluation_periods  = each.value.periods
  threshold           = each.value.threshold
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_dashboard" "spoke" {
  dashboard_name = "${var.prefix}-spoke"
  dashboard_body = jsonencode({
    start          = "-P1D"
    periodOverride = "inherit"
    widgets = [for index, widget in local.widgets : {
      type   = "metric"
      x      = 8 * (index % 3)
      y      = 6 * floor(index / 3)
      width  = 8
      height = 6
      properties = merge(
        { title = widget.title, region = local.region, period = widget.period, metrics = widget.metrics },
        widget.stat == null ? {} : { stat = widget.stat }
      )
    }]
  })
}
