// The words between rows and objectives: which answer of a row stands under which of its clips.
#pragma once

#include <array>
#include <string>

namespace rrpo {

/// An answer of a row under one of its clips: what is packed into a pass, and what an objective reads.
enum class Role { chosen, rejected, chosen_other, rejected_other, other_chosen, other_chosen_video };

/// The texts of a row that a pass scores.
enum class AnswerOf { chosen, rejected, other_chosen };
/// The clips of a row that they are scored under.
enum class ShownClipOf { video, other };

struct RoleParts {
  AnswerOf answer = AnswerOf::chosen;
  ShownClipOf clip = ShownClipOf::video;
  const char* name = "";  ///< answer|clip
};

/// By the number of the role.
inline constexpr std::array<RoleParts, 6> kRoles = {{{AnswerOf::chosen, ShownClipOf::video, "chosen|video"},
                                                     {AnswerOf::rejected, ShownClipOf::video, "rejected|video"},
                                                     {AnswerOf::chosen, ShownClipOf::other, "chosen|other"},
                                                     {AnswerOf::rejected, ShownClipOf::other, "rejected|other"},
                                                     {AnswerOf::other_chosen, ShownClipOf::other, "other_chosen|other"},
                                                     {AnswerOf::other_chosen, ShownClipOf::video, "other_chosen|video"}}};

inline const RoleParts& parts(Role role) { return kRoles[static_cast<size_t>(role)]; }

}  // namespace rrpo
