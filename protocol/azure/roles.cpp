#include "protocol/azure/roles.hpp"

#include <fmt/format.h>

namespace mw::azure {
namespace {

struct row {
  service what;
  std::string_view host_part;  ///< of hosts that this row is for; empty: all others
  std::string_view role;
  std::string_view resource_type;
};

/// The first row that fits is taken.
constexpr row table[] = {
    {service::service_bus, "", "Azure Service Bus Data Receiver", "Microsoft.ServiceBus/namespaces"},
    {service::redis, ".redis.cache.windows.net", "Data Contributor", "Microsoft.Cache/Redis"},
    {service::redis, "", "default", "Microsoft.Cache/redisEnterprise"},
    {service::llm, ".services.ai.azure.com", "Cognitive Services User",
     "Microsoft.CognitiveServices/accounts"},
    {service::llm, "", "Cognitive Services OpenAI User", "Microsoft.CognitiveServices/accounts"},
    {service::cosmos, "", "Cosmos DB Built-in Data Contributor", "Microsoft.DocumentDB/databaseAccounts"},
    {service::app_insights, "", "Monitoring Metrics Publisher", "Microsoft.Insights/components"},
};

std::string_view host_of(std::string_view endpoint) {
  if (const auto scheme = endpoint.find("://"); scheme != std::string_view::npos)
    endpoint.remove_prefix(scheme + 3);
  endpoint = endpoint.substr(0, endpoint.find_first_of("/?"));
  return endpoint.substr(0, endpoint.find(':'));
}

const row& row_of(service what, std::string_view host) {
  for (const auto& r : table)
    if (r.what == what && host.ends_with(r.host_part)) return r;
  return table[0];
}

/// Shell text that becomes a property of the resource: its id, or its resource group.
std::string looked_up(std::string_view name, std::string_view type, std::string_view property) {
  return fmt::format(R"x("$(az resource list --name {} --resource-type {} --query [0].{} --output tsv)")x",
                     name, type, property);
}

}  // namespace

role_hint role_for(service what, std::string_view host, std::string_view object_id, bool person) {
  host = host_of(host);
  const row& r = row_of(what, host);
  // A shell runs this line: only what a resource's name or an object id may consist of gets into it.
  const auto safe = [](std::string_view text, std::string_view otherwise) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    return text.empty() || text.find_first_not_of(letters) != std::string_view::npos ? otherwise : text;
  };
  const std::string_view name = safe(host.substr(0, host.find('.')), "RESOURCE_NAME");
  const std::string_view who = safe(object_id, "OBJECT_ID_OF_THE_IDENTITY");
  const std::string group = looked_up(name, r.resource_type, "resourceGroup");
  switch (what) {
    case service::cosmos:
      return {std::string{r.role},
              fmt::format(
                  "az cosmosdb sql role assignment create --account-name {} --resource-group {} --scope / "
                  "--principal-id {} --role-definition-id 00000000-0000-0000-0000-000000000002",
                  name, group, who)};
    case service::redis:
      if (!r.host_part.empty())
        return {std::string{r.role},
                fmt::format("az redis access-policy-assignment create --name {} --resource-group {} "
                            "--policy-assignment-name memory-worker --access-policy-name \"{}\" "
                            "--object-id {} --object-id-alias memory-worker",
                            name, group, r.role, who)};
      return {std::string{r.role},
              fmt::format("az redisenterprise database access-policy-assignment create --cluster-name {} "
                          "--resource-group {} --database-name default --access-policy-assignment-name "
                          "memory-worker --access-policy-name {} --object-id {}",
                          name, group, r.role, who)};
    default:
      return {
          std::string{r.role},
          fmt::format("az role assignment create --assignee-object-id {} --assignee-principal-type {} --role "
                      "\"{}\" --scope {}",
                      who, person ? "User" : "ServicePrincipal", r.role,
                      what == service::app_insights
                          ? std::string{"RESOURCE_ID_OF_THE_APPLICATION_INSIGHTS_COMPONENT"}
                          : looked_up(name, r.resource_type, "id"))};
  }
}

bool lacks_role(service what, const failure& why) {
  if (why.code == errc::forbidden) return true;
  if (why.code != errc::unauthorized) return false;
  // The bus says `unauthorized` for a bad token too; a missing role it words as missing claims.
  return what != service::service_bus || why.detail.find("claim(s) are required") != std::string::npos;
}

}  // namespace mw::azure
