variable "name" {
  type        = string
  description = "The name of the dashboard. The names of the alarms begin with it."
}

variable "alarms" {
  type = map(object({
    description = string
    namespace   = string
    metric      = string
    statistic   = string
    dimensions  = map(string)
    period      = number
    periods     = number
    datapoints  = optional(number)
    threshold   = optional(number, 0)
    comparison  = optional(string, "GreaterThanThreshold")
    missing     = optional(string, "notBreaching")
    always      = optional(bool, false)
  }))
  description = <<-EOT
    Alarms by the end of their names. `period` is in seconds, and `periods` is how many are looked at. Without `datapoints`, all of them
    have to breach. Unless the alarm says otherwise, it is raised by a figure above 0, and a missing figure raises none. `always`: the program makes a metric
    of it in any case, because nothing that AWS measures stands in for it.
  EOT
}

variable "metrics" {
  type        = string
  description = "Which figures become metrics: none, alarms or all."
}

variable "widgets" {
  type        = any
  description = "Widgets of the dashboard, or null where there is to be none: `title`, `stat` or null where `metrics` say it, `period` in seconds, and `metrics` as CloudWatch has them."
}

variable "region" {
  type        = string
  description = "The region of the metrics."
}

variable "alarm_topic_arn" {
  type        = string
  description = "A topic that is notified of alarms, or null."
}

variable "tags" {
  type        = map(string)
  description = "Tags of the alarms. CloudWatch takes none for dashboards."
}
