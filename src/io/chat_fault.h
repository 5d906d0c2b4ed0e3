// What a server says when it does not reply: its own sentence, and whether another try can end otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rrpo/io/chat.h"

namespace rrpo::io {

/// The fault behind a status other than 200, with the sentence that the server gives for it where `body` holds one.
ChatReply refused(int64_t status, std::string_view body);

/// The fault inside the body of a reply with status 200 (gateways hand errors through like that); without `fault` when
/// there is none.
ChatReply error_in(const Json& body);

/// `text` without the key, whole. Keys under 12 bytes are placeholders of servers without one ("EMPTY"), and words of
/// replies.
std::string blotted(std::string text, const std::string& key);

/// `fault` without the key and without pieces of it of 8 bytes and more, in one line, cut to `limit` bytes.
std::string told(std::string_view fault, const std::string& key, size_t limit = 240);

}  // namespace rrpo::io
