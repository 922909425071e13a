// Inside config::load: collects what each layer says about each option. A later layer replaces an earlier
// one; whatever cannot be taken becomes a problem line.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/config/file.hpp"
#include "protocol/config/load.hpp"

namespace mw::config {

class layers {
 public:
  explicit layers(loaded& out) : out_(out) {}

  /// `name` is the file as the lines name it.
  void add_file(std::string_view text, const std::string& name);
  void add_dotenv(std::string_view text, const std::string& name);
  /// A value of the environment as it was meant; noted where that is not how it stands there.
  std::string meant(std::string_view name, std::string_view content);
  void add_environment(const std::vector<std::pair<std::string, std::string>>& environment);
  /// Takes out --config and gives its file back.
  std::string add_arguments(const std::vector<std::string>& arguments);

  struct setting {
    value content;
    layer from{};
    std::string place;
  };
  /// What the highest layer says; nullptr: none says anything.
  const setting* find(std::string_view section, std::string_view key) const;
  /// Writes all into out.values and out.origins, and the notes of what overrides the file.
  void apply();
  void problem(std::string line);
  void warn(std::string_view cause, std::string line);

 private:
  struct variable {
    std::string value;
    std::string place;
  };
  void unknown(const file_entry& e, const std::string& name);
  void take(const option& o, layer from, std::string place, result<value> v);
  void take_argument(std::string_view name, std::optional<std::string_view> content, size_t number);
  using variables = std::map<std::string, variable, std::less<>>;
  void take_variables(const variables& all, layer from);
  bool take_variable(const option& o, layer from, std::string_view name, const variable& v);
  bool take_otel(const option& o, layer from, const variable& v);
  void note_passed_over(const std::vector<uint32_t>& lines, const std::string& name);
  void switch_grpc_off();

  loaded& out_;
  std::map<const option*, std::array<std::optional<setting>, layer_count>> found_;
  std::optional<setting> grpc_;  ///< who asked for OTLP over gRPC
  bool sampler_refused_ = false;
};

}  // namespace mw::config
