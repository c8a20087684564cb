# The alarms and the dashboard of either program. Which ones, the caller says.

locals {
  actions = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
  alarms = {
    for name, alarm in var.alarms : name => alarm
    if var.metrics != "none" || alarm.namespace != "pmp-sync" || alarm.always
  }
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  threshold           = each.value.threshold
  comparison_operator = each.value.comparison
  treat_missing_data  = each.value.missing
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

# Three widgets a row, each six high, as CloudWatch lays them out.
resource "aws_cloudwatch_dashboard" "dashboard" {
  count = var.widgets == null ? 0 : 1

  dashboard_name = var.name
  dashboard_body = jsonencode({
    start          = "-P1D"
    periodOverride = "inherit"
    widgets = [for widget in var.widgets : {
      type  = "metric"
      width = 8
      properties = merge(
        { title = widget.title, region = var.region, period = widget.period, metrics = widget.metrics },
        widget.stat == null ? {} : { stat = widget.stat }
      )
    }]
  })
}
