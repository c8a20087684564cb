# Alarms and the dashboard. Metrics as docs/metrics.md tells them: what is not known is missing. Where a metric tells how things stand,
# an alarm stays as it is until the next figure comes; where it counts what happened, nothing is well, but for the first one.

locals {
  on_experience = { Experience = var.experience_id }
  on_function   = { FunctionName = aws_lambda_function.hub.function_name }
  on_topic      = { TopicName = aws_sns_topic.snapshots.name }

  alarms = {
    "not-published" = {
      description = "Nothing was announced for two intervals. Spokes go on with what they have; look at the hub's log."
      metric      = ["pmp-sync", "Published", "Sum"], dimensions = local.on_experience
      period      = local.interval.seconds, periods = 2, missing = "breaching"
    }
    "errors" = {
      description = "An invocation of the hub failed, or could not start. The log says why, and what to do."
      metric      = ["AWS/Lambda", "Errors", "Sum"], dimensions = local.on_function
      period      = 300, periods = 1, missing = "notBreaching"
    }
    "throttles" = {
      description = "Lambda had no room to run the hub. Look at the account's and the function's concurrency."
      metric      = ["AWS/Lambda", "Throttles", "Sum"], dimensions = local.on_function
      period      = 300, periods = 3, missing = "notBreaching"
    }
    "dead-letters" = {
      description = "Events were set aside that the hub could not answer. They need not be sent again, as the schedule goes on."
      metric      = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"], dimensions = { QueueName = aws_sqs_queue.dead_letters.name }
      period      = 300, periods = 1, missing = "notBreaching"
    }
    "not-delivered" = {
      description = "A member's queue refused an announcement, by its own policy or by one of its organization. A spoke that hears nothing is silent."
      metric      = ["AWS/SNS", "NumberOfNotificationsFailed", "Sum"], dimensions = local.on_topic
      # The metric is there only where something failed. Once in two intervals is enough, or it would come and go.
      period = local.interval.seconds, periods = 2, datapoints = 1, missing = "notBreaching"
    }
    "deliveries-lost" = {
      description = "A member's queue and its dead letters both refused an announcement, which is lost. Its organization's policies are the first suspect."
      metric      = ["AWS/SNS", "NumberOfNotificationsFailedToRedriveToDlq", "Sum"], dimensions = local.on_topic
      # The metric is there only where something failed. Once in two intervals is enough, or it would come and go.
      period = local.interval.seconds, periods = 2, datapoints = 1, missing = "notBreaching"
    }
    "silent-spokes" = {
      description = "A member organization's spoke gave no sign of life for longer than StaleAfter, or never. `pmp-hub status` says which."
      metric      = ["pmp-sync", "SilentSpokes", "Maximum"], dimensions = local.on_experience
      period      = local.interval.seconds, periods = 1, missing = "ignore"
    }
    "failed-experiences" = {
      description = "A spoke reports a member experience that it could not bring into step. `pmp-hub status` says which, and why."
      metric      = ["pmp-sync", "FailedExperiences", "Maximum"], dimensions = local.on_experience
      period      = local.interval.seconds, periods = 1, missing = "ignore"
    }
    "disputed-experiences" = {
      description = "A member organization reports what does not match the ledger. `pmp-hub status` says which, and why."
      metric      = ["pmp-sync", "DisputedExperiences", "Maximum"], dimensions = local.on_experience
      period      = local.interval.seconds, periods = 1, missing = "ignore"
    }
    "unreadable-items" = {
      description = "A member organization wrote what the hub cannot read, or more than it reads. `pmp-hub status` says which."
      metric      = ["pmp-sync", "UnreadableItems", "Maximum"], dimensions = local.on_experience
      period      = local.interval.seconds, periods = 1, missing = "ignore"
    }
    "held-experiences" = {
      description = "A guard rail holds a member experience until an operator confirms it. `pmp-hub status` says which."
      metric      = ["pmp-sync", "HeldExperiences", "Maximum"], dimensions = local.on_experience
      period      = local.interval.seconds, periods = 1, missing = "ignore"
    }
  }
  alarm_actions = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]

  ours = ["Experience", var.experience_id]
  widgets = [
    { title = "Member experiences and spokes in trouble", stat = "Maximum", period = local.interval.seconds, metrics = [concat(["pmp-sync", "FailedExperiences"], local.ours), [".", "HeldExperiences", ".", "."], [".", "SilentSpokes", ".", "."], [".", "DisputedExperiences", ".", "."], [".", "UnreadableItems", ".", "."]] },
    { title = "Versions that the furthest behind lags", stat = "Maximum", period = local.interval.seconds, metrics = [concat(["pmp-sync", "OldestVersionLag"], local.ours)] },
    { title = "Seconds since the oldest sign of life", stat = "Maximum", period = local.interval.seconds, metrics = [concat(["pmp-sync", "OldestLastSeenSeconds"], local.ours)] },
    { title = "Announcements, and new versions", stat = "Sum", period = local.interval.seconds, metrics = [concat(["pmp-sync", "Published"], local.ours), [".", "Changed", ".", "."]] },
    { title = "From trigger to announcement, ms", stat = null, period = local.interval.seconds, metrics = [concat(["pmp-sync", "PublishMillis"], local.ours, [{ stat = "p50" }]), ["...", { stat = "p95" }]] },
    { title = "Products of the management experience", stat = "Maximum", period = local.interval.seconds, metrics = [concat(["pmp-sync", "ApprovedProducts"], local.ours), [".", "RejectedProducts", ".", "."]] },
    { title = "Errors, and answers that ask to slow down", stat = "Sum", period = 300, metrics = [["AWS/Lambda", "Errors", "FunctionName", aws_lambda_function.hub.function_name], [".", "Throttles", ".", "."], concat(["pmp-sync", "Throttles", "Component", "hub"], local.ours)] },
    { title = "Duration of an invocation, ms", stat = null, period = 300, metrics = [["AWS/Lambda", "Duration", "FunctionName", aws_lambda_function.hub.function_name, { stat = "p50" }], ["...", { stat = "p95" }]] },
    { title = "Dead letters", stat = "Maximum", period = 300, metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.dead_letters.name]] },
  ]
}

resource "aws_cloudwatch_metric_alarm" "hub" {
  for_each = local.alarms

  alarm_name          = "${var.prefix}-hub-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  statistic           = each.value.metric[2]
  dimensions          = each.value.dimensions
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = lookup(each.value, "datapoints", null)
  threshold           = each.value.missing == "breaching" ? 1 : 0
  comparison_operator = each.value.missing == "breaching" ? "LessThanThreshold" : "GreaterThanThreshold"
  treat_missing_data  = each.value.missing
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
  # After what has the first snapshot announced: to the first alarm what is missing counts from its creation on.
  depends_on = [aws_scheduler_schedule.announce]
}

resource "aws_cloudwatch_dashboard" "hub" {
  dashboard_name = "${var.prefix}-hub"
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
