// The stand-in's fault knobs: which requests meet which trouble. The first rule that applies wins. Not
// synchronised: the service guards it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"

namespace mw::cosmos_standin {

enum class fault_kind : uint8_t {
  answer,         ///< `status`, `substatus`, `retry_after_ms` instead of doing it
  lost_response,  ///< it is done, then the connection is cut
  cut,            ///< the connection is cut, nothing is done
  lag,            ///< a read is answered by a replica `behind` versions behind
};

struct fault_rule {
  fault_kind kind = fault_kind::answer;
  std::string on;         ///< read, create, replace, delete, query, container; empty: any
  std::string container;  ///< empty: any
  uint64_t skip = 0;      ///< matching requests that pass first
  uint64_t next = 0;      ///< how many are hit then; 0: all
  int status = 503;
  int substatus = 0;
  int64_t retry_after_ms = -1;  ///< below 0: no such header
  int64_t behind = 1;
  int64_t cut_after = 40;  ///< bytes of the answer: 0, or beyond its status line
  uint64_t seen = 0;
  bool spent() const { return next > 0 && seen >= skip + next; }
};

/// Reads {"clear":bool,"faults":[RULE...]}; rejected names what is wrong.
struct fault_settings {
  bool clear = false;
  std::vector<fault_rule> rules;
};
result<fault_settings> parse_fault_settings(std::string_view json);

class fault_plan {
 public:
  void add(fault_rule rule) { rules_.push_back(std::move(rule)); }
  void clear() { rules_.clear(); }
  std::optional<fault_rule> pick(std::string_view operation, std::string_view container);

 private:
  std::vector<fault_rule> rules_;
};

}  // namespace mw::cosmos_standin
