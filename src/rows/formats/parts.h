// What foreign formats have in common: messages, media, ids, places of pictures in a question.
#pragma once

#include <string>
#include <vector>

#include "rrpo/rows/foreign.h"

namespace rrpo::rows {

/// One turn of a conversation.
struct Message {
  std::string role;  ///< system, user or assistant
  std::string text;
};

bool is_text(const Json& row, const char* key);
/// Neither absent nor null, which tables stored as columns write for what a row lacks.
bool is_there(const Json& row, const char* key);
/// True for a list of `{role, content}` or `{from, value}` that is not empty.
bool is_messages(const Json& row, const char* key);
/// True for one such message.
bool is_message(const Json& row, const char* key);

/// The turns of a message list that is there; a list of content parts becomes one text with `<image>` and `<video>` in it.
std::vector<Message> read_messages(RowReader& row, const std::string& key);
/// The text of one message, of a list whose last turn is the assistant's, or of a plain text.
std::string read_answer(RowReader& row, const std::string& key);

std::string system_of(const std::vector<Message>& messages);
/// The one question of a conversation. Throws for none or several.
std::string only_question(const std::vector<Message>& messages, const RowReader& row, const std::string& key);

/// The question without the places of its pictures, which must stand before or behind it: one for all, or one for each.
std::string without_places(std::string question, const Media& media, const RowReader& row);

/// `id`, `sample_id`, `question_id` or `uid`, whichever is there first; empty when none is.
std::string read_id(RowReader& row);
std::string read_source(RowReader& row);
/// The video or pictures of `video`, `videos`, `media_path`, `image`, `images` or `frames`, and the part from `start` to
/// `end`.
Media read_foreign_media(RowReader& row);

}  // namespace rrpo::rows
