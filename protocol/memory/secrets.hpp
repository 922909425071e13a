// What must not be remembered, whoever said it: 9 or more digits in a run once separators are taken out
// (cards, passports, accounts, telephone numbers), card numbers, IBANs, and what follows "password is" and
// its like in other languages. One list for operations (dropped) and for what is stored of a conversation
// (masked). Years, dates, times and numbers that commas group are no secrets. Pure.
#pragma once

#include <string>
#include <string_view>

namespace mw::memory {

bool holds_secret(std::string_view text);

/// The text with each secret replaced by `[...]`. What has none comes back as it is.
std::string mask_secrets(std::string text);

}  // namespace mw::memory
