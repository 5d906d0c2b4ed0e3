// What foreign formats have in common: messages, media, ids.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "rrpo/rows/foreign.h"

namespace rrpo::rows {

/// One turn of a conversation, with the files that its content parts name.
struct Message {
  std::string role;  ///< system, user or assistant
  std::string text;
  ForeignMedia media;
};

bool is_text(const Json& row, const char* key);
/// Neither absent nor null, which tables stored as columns write for what a row lacks.
bool is_there(const Json& row, const char* key);
/// True for a list of `{role, content}` or `{from, value}` that is not empty.
bool is_messages(const Json& row, const char* key);
/// The first key of a row that says that it has a rejected answer, whatever it holds; empty when there is none.
std::string rejected_key(const Json& row);
/// `conversations` or `messages`, whichever holds messages; nullptr when neither does.
const char* turns_key(const Json& row);

/// The turns of a message list that is there; a list of content parts becomes one text with `<image>` and `<video>` in it.
std::vector<Message> read_messages(RowReader& row, const std::string& key);
/// The text of one message, of a list whose last turn is the assistant's, or of a plain text.
std::string read_answer(RowReader& row, const std::string& key);
/// The same where several answers may stand: a list of texts, or of lists of messages, is one answer each.
std::vector<std::string> read_answers(RowReader& row, const std::string& key);

std::string system_of(const std::vector<Message>& messages);
/// The one question of a conversation. Throws for none or several.
std::string only_question(const std::vector<Message>& messages, const RowReader& row, const std::string& key);

/// The id, the source and the media of a row, and nothing else yet.
ForeignRow begin_row(RowReader& row);
/// Files that a message names become the row's; they may not differ from those that the row names itself.
void take_media(ForeignRow& out, const std::vector<Message>& messages, const RowReader& row, const std::string& key);
/// One pair for each rejected answer. Every text is a named value before an item is made of them: with g++ 12 an exception
/// inside nested braces frees what was made before it twice.
void add_pairs(ForeignRow& out, const std::string& question, const std::string& chosen,
               const std::vector<std::string>& rejected);
void add_question(ForeignRow& out, std::string question, std::string answer);

/// The files that an object names, none where it names none: `{"type": "video", "video": "a.mp4", "fps": 2, "start": 1}`,
/// `{"image_url": {"url": …}}`. What else it says of them is taken, or noted as not used.
ForeignMedia object_media(const Json& object, bool video, const RowReader& row, const std::string& key);
/// Files under `key` of a row or of a content part: videos, or pictures of one.
ForeignMedia media_from(const Json& value, bool video, const RowReader& row, const std::string& key);
/// Seconds of a part of the video under names that are certain, taken out of `object` by `take`.
void take_clip(RowReader& object, ForeignMedia& media);
/// A folder named as a video becomes its pictures, in natural order; below `root` where the path is relative.
void list_folder(Media& media, const std::filesystem::path& root, const RowReader& row, std::set<std::string>& notes);
/// One media of two that must not differ.
void merge_media(ForeignMedia& into, const ForeignMedia& from, const RowReader& row, const std::string& key);

/// ` (the first has a, b, c)`: the keys of a row, a dozen at most.
std::string keys_of(const Json& row);
/// True for a number that is none (NaN, infinity), and for what holds one.
bool holds_no_number(const Json& value);

}  // namespace rrpo::rows
