// The rows of [llm_analyzer]: which LLM is asked, how, and how much of it.
#include "protocol/config/option_rows.hpp"

namespace mw::config {

void add_llm_analyzer(std::vector<option>& t) {
  using s = llm_analyzer_settings;
  auto add = rows_of(t, "llm_analyzer", &settings::llm_analyzer);
  add(&s::endpoint, "endpoint",
      {.type = option_type::url,
       .env = {"AZURE_AI_CHAT_ENDPOINT"},
       .required = "the LLM endpoint",
       .doc = "Chat completions of the LLM: https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT, "
              "https://NAME.openai.azure.com/openai/v1, or the base URL of any OpenAI-compatible server. "
              "Wins over azure-endpoint."});
  add(&s::azure_endpoint, "azure-endpoint",
      {.type = option_type::url,
       .env = {"AZURE_OPENAI_ENDPOINT"},
       .doc = "https://NAME.openai.azure.com; together with azure-deployment another way to say endpoint."});
  add(&s::azure_deployment, "azure-deployment",
      {.env = {"AZURE_OPENAI_DEPLOYMENT_NAME"}, .doc = "Deployment at azure-endpoint."});
  add(&s::api_key, "api-key",
      {.env = {"AZURE_AI_CHAT_KEY", "AZURE_AI_CHAT_API_KEY", "AZURE_OPENAI_API_KEY", "OPENAI_API_KEY"},
       .doc = "Key of the endpoint. Without it: Entra, where the host is one of Azure's."});
  add(&s::scope, "scope",
      {.doc = "Scope of the Entra token for the LLM: https://cognitiveservices.azure.com/.default or "
              "https://ai.azure.com/.default."});
  add(&s::api_version, "api-version",
      {.env = {"AZURE_OPENAI_API_VERSION"},
       .default_note = "of the endpoint's shape; with azure-endpoint 2025-04-01-preview",
       .doc = "Azure's api-version."});
  add(&s::model, "model",
      {.env = {"AZURE_AI_CHAT_MODEL"},
       .default_note = "of the endpoint",
       .doc = "Model name sent in the request, where the URL doesn't name the deployment."});
  add(&s::embeddings_deployment, "embeddings-deployment",
      {.env = {"AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME"},
       .default_note = "summaries are not embedded",
       .doc = "Deployment that embeds summaries, beside the LLM's (at azure-endpoint where that is set, else "
              "at endpoint)."});
  add(&s::embeddings_endpoint, "embeddings-endpoint",
      {.type = option_type::url,
       .default_note = "of embeddings-deployment",
       .doc = "Where embeddings are made when it is another server: an endpoint of the same shapes. Wins "
              "over embeddings-deployment."});
  add(&s::embeddings_model, "embeddings-model",
      {.default_note = "embeddings-deployment",
       .doc = "Model name sent to embeddings-endpoint, where its URL doesn't name the deployment."});
  add(&s::embeddings_api_key, "embeddings-api-key",
      {.env = {"AZURE_OPENAI_EMBEDDINGS_API_KEY"},
       .doc = "Key of embeddings-endpoint. Without it: api-key if it is the same host, else Entra where the "
              "host is one of Azure's."});
  add(&s::embeddings_dimensions, "embeddings-dimensions",
      {.min = 1, .max = 16'384, .unit = "numbers", .doc = "An embedding of another length is not stored."});
  add(&s::max_output_tokens, "max-output-tokens",
      {.min = 100, .max = 200'000, .unit = "tokens", .reloadable = true, .doc = "Limit of one answer."});
  add(&s::request_timeout, "request-timeout",
      {.min = 1 * seconds, .max = 10 * minutes, .reloadable = true, .doc = "Limit of one LLM call."});
  add(&s::connect_timeout, "connect-timeout",
      {.min = 100, .max = 2 * minutes, .doc = "Limit of connecting."});
  add(&s::max_in_flight, "max-in-flight",
      {.min = 0,
       .max = 10'000,
       .unit = "calls",
       .default_note = "dispatcher.max-jobs",
       .reloadable = true,
       .doc = "LLM calls at once; 0: as many as dispatcher.max-jobs."});
  add(&s::temperature, "temperature",
      {.min = 0, .max = 2, .default_note = "not sent", .doc = "Sampling temperature, sent only when set."});
  add(&s::reasoning_effort, "reasoning-effort",
      {.default_note = "not sent",
       .doc = "reasoning_effort of reasoning models (as low, medium), sent only when set."});
  add(&s::breaker_failures, "breaker-failures",
      {.min = 1,
       .max = 1'000,
       .unit = "failures",
       .reloadable = true,
       .doc = "So many conversations that fail without a success between them stop the intake."});
  add(&s::probe_interval, "probe-interval",
      {.min = 100,
       .max = 10 * minutes,
       .reloadable = true,
       .doc = "While the intake is stopped the LLM is probed no more often than this."});
  add(&s::probe_timeout, "probe-timeout",
      {.min = 100,
       .max = 2 * minutes,
       .doc = "How long a probe, a cheap call beside the others, may take before the LLM counts as down; an "
              "answer that comes later is taken all the same. One is sent as well when calls are out and "
              "nothing was heard for this long and twice as long as answers usually take."});
  add(&s::mailbox_limit, "mailbox-limit",
      {.min = 1,
       .max = 100'000,
       .unit = "jobs",
       .doc = "Jobs this stage takes on at once; the rest waits upstream."});
  add(&s::budget_tokens_per_day, "budget-tokens-per-day",
      {.min = 0,
       .max = 1e15,
       .unit = "tokens",
       .reloadable = true,
       .doc = "Tokens this process may spend a day (UTC); 0: no limit."});
  add(&s::repair_evidence, "repair-evidence",
      {.reloadable = true,
       .doc =
           "Ask once more, at most once a window and in 5 % of calls, where an operation's quote is not in "
           "the user's message but shares most of its words. Off: such an operation is dropped at once."});
  add_restart(add, &s::restart);
}

}  // namespace mw::config
