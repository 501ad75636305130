# How the keys were declared to Terraform, with a provider for LiteLLM. vkstate.yaml declares the same ones.

resource "litellm_key" "billing_service" {
  key_alias       = "billing-service"
  user_id         = "billing-team@example.com"
  models          = ["gpt-4", "gpt-3.5-turbo"]
  duration        = "90d"
  max_budget      = 200
  budget_duration = "30d"
  rpm_limit       = 120
  metadata        = { cost_center = "4711" }

  lifecycle {
    ignore_changes = [rpm_limit]
  }
}

resource "litellm_key" "course" {
  for_each   = toset(["p01", "p02", "p03"])
  key_alias  = "prompt-course-${each.key}"
  user_id    = "${each.key}@example.com"
  models     = ["gpt-4"]
  duration   = "7d"
  max_budget = each.key == "p03" ? 25 : 10
}
