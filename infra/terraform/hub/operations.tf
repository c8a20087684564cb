# Alarms and the dashboard. docs/metrics.md describes the metrics: a value that is not known is missing. An alarm on a metric that describes the
# state keeps its state until the next value. An alarm on a metric that counts events treats a missing value as good, except not-published.

locals {
  on_experience = { Experience = var.experience_id }
  on_function   = { FunctionName = module.function.name }
  on_topic      = { TopicName = aws_sns_topic.snapshots.name }
  ours          = ["Experience", var.experience_id]

  alarms = merge(local.alarms_of_all, { for name, alarm in local.alarms_of_waves : name => alarm if local.has_waves })

  alarms_of_waves = {
    "stopped-versions" = {
      description = "A version was stopped in the waves, and reaches nobody else. `pmp-hub status` says why."
      namespace   = "pmp-sync"
      metric      = "StoppedVersions"
      always      = true
      statistic   = "Maximum"
      dimensions  = local.on_experience
      period      = local.interval.seconds
      periods     = 1
      missing     = "ignore"
    }
  }

  alarms_of_all = {
    "not-published" = {
      description = "Nothing was announced for two intervals. Spokes go on with what they have; look at the hub's log."
      namespace   = "pmp-sync"
      metric      = "Published"
      always      = true
      statistic   = "Sum"
      dimensions  = local.on_experience
      period      = local.interval.seconds
      periods     = 2
      threshold   = 1
      comparison  = "LessThanThreshold"
      missing     = "breaching"
    }
    "errors" = {
      description = "An invocation of the hub failed, or could not start. The log says why, and what to do."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      statistic   = "Sum"
      dimensions  = local.on_function
      period      = 300
      periods     = 1
    }
    "throttles" = {
      description = "Lambda had no room to run the hub. Look at the account's and the function's concurrency."
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      statistic   = "Sum"
      dimensions  = local.on_function
      period      = 300
      periods     = 3
    }
    "dead-letters" = {
      description = "Events were set aside that the hub could not answer. They need not be sent again."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      statistic   = "Maximum"
      dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }
      period      = 300
      periods     = 1
    }
    "not-delivered" = {
      description = "A member's queue refused an announcement, by its own policy or by one of its organization. A spoke that hears nothing is silent."
      namespace   = "AWS/SNS"
      metric      = "NumberOfNotificationsFailed"
      statistic   = "Sum"
      dimensions  = local.on_topic
      # The metric is there only where something failed. Once in two intervals is enough, or it would come and go.
      period     = local.interval.seconds
      periods    = 2
      datapoints = 1
    }
    "deliveries-lost" = {
      description = "A member's queue and its dead letters both refused an announcement, which is lost. Look at its organization's policies."
      namespace   = "AWS/SNS"
      metric      = "NumberOfNotificationsFailedToRedriveToDlq"
      statistic   = "Sum"
      dimensions  = local.on_topic
      # The metric is there only where something failed. Once in two intervals is enough, or it would come and go.
      period     = local.interval.seconds
      periods    = 2
      datapoints = 1
    }
    "silent-spokes" = {
      description = "A member organization's spoke gave no sign of life for longer than stale_after, or never. `pmp-hub status` says which."
      namespace   = "pmp-sync"
      metric      = "SilentSpokes"
      statistic   = "Maximum"
      dimensions  = local.on_experience
      period      = local.interval.seconds
      periods     = 1
      missing     = "ignore"
    }
    "failed-experiences" = {
      description = "A spoke reports a member experience that it could not bring into step. `pmp-hub status` says which, and why."
      namespace   = "pmp-sync"
      metric      = "FailedExperiences"
      statistic   = "Maximum"
      dimensions  = local.on_experience
      period      = local.interval.seconds
      periods     = 1
      missing     = "ignore"
    }
    "disputed-experiences" = {
      description = "A member organization reports what does not match the ledger. `pmp-hub status` says which, and why."
      namespace   = "pmp-sync"
      metric      = "DisputedExperiences"
      statistic   = "Maximum"
      dimensions  = local.on_experience
      period      = local.interval.seconds
      periods     = 1
      missing     = "ignore"
    }
    "unreadable-items" = {
      description = "A member organization wrote what the hub cannot read, or more than it reads. `pmp-hub status` says which."
      namespace   = "pmp-sync"
      metric      = "UnreadableItems"
      statistic   = "Maximum"
      dimensions  = local.on_experience
      period      = local.interval.seconds
      periods     = 1
      missing     = "ignore"
    }
    "held-experiences" = {
      description = "A guard rail holds a member experience until an operator confirms it. `pmp-hub status` says which."
      namespace   = "pmp-sync"
      metric      = "HeldExperiences"
      statistic   = "Maximum"
      dimensions  = local.on_experience
      period      = local.interval.seconds
      periods     = 1
      missing     = "ignore"
    }
  }

  # Only where operations is told at all.
  notify_alarms = {
    "not-notified" = {
      description = "Operations could not be told what changed. The log says why; the next run tries again."
      namespace   = "pmp-sync"
      metric      = "NotificationsFailed"
      always      = true
      statistic   = "Maximum"
      dimensions  = local.on_experience
      period      = local.interval.seconds
      periods     = 1
      missing     = "ignore"
    }
  }

  widgets = [
    {
      title  = "Member experiences and spokes in trouble"
      stat   = "Maximum"
      period = local.interval.seconds
      metrics = [
        concat(["pmp-sync", "FailedExperiences"], local.ours),
        [".", "HeldExperiences", ".", "."],
        [".", "SilentSpokes", ".", "."],
        [".", "DisputedExperiences", ".", "."],
        [".", "UnreadableItems", ".", "."],
      ]
    },
    {
      title  = "Largest version lag"
      stat   = "Maximum"
      period = local.interval.seconds
      metrics = [
        concat(["pmp-sync", "OldestVersionLag"], local.ours),
      ]
    },
    {
      title  = "Seconds since the oldest sign of life"
      stat   = "Maximum"
      period = local.interval.seconds
      metrics = [
        concat(["pmp-sync", "OldestLastSeenSeconds"], local.ours),
      ]
    },
    {
      title  = "Announcements and versions"
      stat   = "Sum"
      period = local.interval.seconds
      metrics = [
        concat(["pmp-sync", "Published"], local.ours),
        [".", "Changed", ".", "."],
      ]
    },
    {
      title  = "From trigger to announcement, ms"
      stat   = null
      period = local.interval.seconds
      metrics = [
        concat(["pmp-sync", "PublishMillis"], local.ours, [{ stat = "p50" }]),
        ["...", { stat = "p95" }],
      ]
    },
    {
      title  = "Products"
      stat   = "Maximum"
      period = local.interval.seconds
      metrics = [
        concat(["pmp-sync", "ApprovedProducts"], local.ours),
        [".", "RejectedProducts", ".", "."],
      ]
    },
    {
      title  = "Errors and throttles"
      stat   = "Sum"
      period = 300
      metrics = [
        ["AWS/Lambda", "Errors", "FunctionName", module.function.name],
        [".", "Throttles", ".", "."],
        concat(["pmp-sync", "Throttles", "Component", "hub"], local.ours),
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
    {
      title  = "Dead letters"
      stat   = "Maximum"
      period = 300
      metrics = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.dead_letters.name],
      ]
    },
  ]
}

module "observability" {
  source = "../modules/observability"

  name            = "${var.prefix}-hub"
  alarms          = merge(local.alarms, { for name, alarm in local.notify_alarms : name => alarm if var.notify_topic_arn != null })
  metrics         = var.metrics
  widgets         = var.make_dashboard ? local.widgets : null
  region          = local.region
  alarm_topic_arn = var.alarm_topic_arn
  tags            = local.tags
  # After what has the first snapshot announced: to the first alarm what is missing counts from its creation on.
  depends_on = [aws_scheduler_schedule.announce]
}

# What applied before there was a module for alarms and the dashboard.
moved {
  from = aws_cloudwatch_metric_alarm.hub
  to   = module.observability.aws_cloudwatch_metric_alarm.alarm
}
moved {
  from = aws_cloudwatch_dashboard.hub
  to   = module.observability.aws_cloudwatch_dashboard.dashboard
}
