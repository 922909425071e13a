// The stored document of a conversation's record. Holds what stored_document.hpp says.
#include "protocol/memory/documents_json.hpp"
#include "tests/fuzz/stored_document.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz::stored_document(data, size, memory::parse_record,
                               [](const auto& document) { return memory::write_record(document); });
}
