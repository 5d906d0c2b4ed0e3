#include "units.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "rrpo/util/random.h"

namespace rrpo::video {
namespace {

using Bytes = std::span<const uint8_t>;

uint64_t hash_of(uint64_t before, Bytes bytes) {
  return hash64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) ^ (before * 31 + 1);
}

// How many bytes state the length of a unit; 0: units are parted by start codes. As FFmpeg tells them apart.
size_t length_bytes(const AVCodecParameters& codec) {
  const Bytes extra(codec.extradata, static_cast<size_t>(std::max(codec.extradata_size, 0)));
  if (codec.codec_id == AV_CODEC_ID_H264) return extra.size() >= 7 && extra[0] == 1 ? (extra[4] & 3u) + 1 : 0;
  return extra.size() >= 23 && (extra[0] != 0 || extra[1] != 0 || extra[2] > 1) ? (extra[21] & 3u) + 1 : 0;
}

/// Calls `see(unit)` for each until it returns false. False where the bytes are no row of units.
using See = std::function<bool(Bytes)>;

bool each_of_stated_length(Bytes packet, size_t length_bytes, const See& see) {
  while (!packet.empty()) {
    if (packet.size() <= length_bytes) return false;
    size_t length = 0;
    for (size_t i = 0; i < length_bytes; ++i) length = length << 8 | packet[i];
    packet = packet.subspan(length_bytes);
    // One byte is no unit of a picture, and the number 1 the start code of another form.
    if (length < 2 || length > packet.size()) return false;
    if (!see(packet.first(length))) return true;
    packet = packet.subspan(length);
  }
  return true;
}

/// The place behind the next start code 00 00 01, or the size of the packet.
size_t behind_start_code(Bytes packet, size_t from) {
  for (size_t i = from; i + 2 < packet.size();) {
    if (packet[i + 2] > 1) {
      i += 3;
    } else if (packet[i] == 0 && packet[i + 1] == 0 && packet[i + 2] == 1) {
      return i + 3;
    } else {
      ++i;
    }
  }
  return packet.size();
}

bool each_of_start_code(Bytes packet, const See& see) {
  size_t begin = behind_start_code(packet, 0);
  if (begin > 4) return false;
  while (begin < packet.size()) {
    const size_t next = behind_start_code(packet, begin);
    size_t end = next == packet.size() ? next : next - 3;
    while (end > begin && packet[end - 1] == 0) --end;
    if (end - begin < 2) return false;
    if (!see(packet.subspan(begin, end - begin))) return true;
    begin = next;
  }
  return true;
}

/// True where a unit of supplemental information holds a display orientation (payload 47 of both codecs).
bool is_turned(Bytes unit, size_t head) {
  constexpr size_t kOrientation = 47;
  std::vector<uint8_t> plain;  // without the bytes that keep start codes from appearing
  for (size_t i = head; i < unit.size(); ++i) {
    if (i >= head + 2 && unit[i] == 3 && unit[i - 1] == 0 && unit[i - 2] == 0) continue;
    plain.push_back(unit[i]);
  }
  for (size_t at = 0; at + 2 < plain.size();) {
    size_t numbers[2] = {0, 0};  // kind and size, each as a sum of bytes up to the first below 255
    for (size_t& number : numbers) {
      while (at < plain.size() && plain[at] == 255) number += plain[at++];
      if (at == plain.size()) return true;  // not plain: as if it did
      number += plain[at++];
    }
    if (numbers[0] == kOrientation) return true;
    at += numbers[1];
  }
  return false;
}

// Units before the picture's own, and its first one: all its units agree on what is asked here.
bool see_h264(Bytes unit, PictureFacts& facts) {
  const int type = unit[0] & 31;
  if ((unit[0] & 0x80) != 0 || (type >= 2 && type <= 4) || type >= 14) return false;  // not known: parts, other layers
  if (type == 6) facts.turned = facts.turned || is_turned(unit, 1);
  if (type == 7 || type == 8 || type == 13) facts.sets = hash_of(facts.sets, unit);
  if (type != 1 && type != 5) return true;
  facts.known = true;
  facts.start = type == 5;
  facts.spare = (unit[0] & 0x60) == 0;
  return false;
}

// An end of a sequence stands behind the picture: all units are seen.
bool see_hevc(Bytes unit, PictureFacts& facts) {
  const int type = unit[0] >> 1 & 63;
  const bool layer = (unit[0] & 1) != 0 || (unit[1] & 0xf8) != 0;
  const bool broken_link = type >= 16 && type <= 18, ends = type == 36 || type == 37;
  if ((unit[0] & 0x80) != 0 || layer || broken_link || ends) {
    facts.known = false;
    return false;
  }
  if (type == 39) facts.turned = facts.turned || is_turned(unit, 2);
  if (type >= 32 && type <= 34) facts.sets = hash_of(facts.sets, unit);
  if (type > 31) return true;
  const bool serves_none = type < 16 && type % 2 == 0;
  facts.spare = serves_none && (facts.spare || !facts.known);  // all units of the picture say so
  facts.known = true;
  facts.start = type >= 19 && type <= 21;
  facts.layer = (unit[1] & 7) - 1;
  return true;
}

/// The next bits of a head.
class Bits {
 public:
  explicit Bits(Bytes bytes) : bytes_(bytes) {}
  unsigned take(int count) {
    unsigned value = 0;
    for (; count > 0; --count, ++at_)
      value = value << 1 | (at_ / 8 < bytes_.size() ? bytes_[at_ / 8] >> (7 - at_ % 8) & 1u : 0u);
    return value;
  }

 private:
  Bytes bytes_;
  size_t at_ = 0;
};

/// One frame of a VP9 packet: is it shown, and is it a key frame?
struct Vp9Frame {
  bool shown, key;
};

std::optional<Vp9Frame> vp9_frame(Bytes frame) {
  Bits bits(frame);
  if (frame.empty() || bits.take(2) != 2) return std::nullopt;
  const unsigned low = bits.take(1), high = bits.take(1);
  if (low + 2 * high == 3 && bits.take(1) != 0) return std::nullopt;
  if (bits.take(1) != 0) return Vp9Frame{true, false};  // shows one that was decoded before
  const bool key = bits.take(1) == 0, shown = bits.take(1) == 1;
  return Vp9Frame{shown, key};
}

// A packet of one frame, or of several with an index at its end.
std::vector<Bytes> vp9_frames(Bytes packet) {
  const uint8_t mark = packet.empty() ? uint8_t{0} : packet.back();
  const size_t count = (mark & 7u) + 1, bytes = (mark >> 3 & 3u) + 1, index = 2 + count * bytes;
  if ((mark & 0xe0) != 0xc0 || packet.size() < index || packet[packet.size() - index] != mark) return {packet};
  std::vector<Bytes> frames;
  size_t begin = 0;
  for (size_t i = 0; i < count; ++i) {
    size_t length = 0;
    for (size_t byte = bytes; byte > 0; --byte) length = length << 8 | packet[packet.size() - index + i * bytes + byte];
    if (length > packet.size() - index - begin) return {};
    frames.push_back(packet.subspan(begin, length));
    begin += length;
  }
  return frames;
}

PictureFacts vp9_facts(Bytes packet) {
  PictureFacts facts;
  int shown = 0, seen = 0;
  for (const Bytes bytes : vp9_frames(packet)) {
    const std::optional<Vp9Frame> frame = vp9_frame(bytes);
    if (!frame) return {};
    if (seen++ == 0) facts.start = frame->key;
    shown += frame->shown ? 1 : 0;
  }
  facts.known = seen > 0 && shown <= 1;
  facts.shown = shown == 1;
  return facts;
}

}  // namespace

bool has_picture_facts(AVCodecID codec) {
  return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_VP9;
}

PictureFacts picture_facts(const AVPacket& packet, const AVCodecParameters& codec) {
  const Bytes bytes(packet.data, static_cast<size_t>(std::max(packet.size, 0)));
  if (codec.codec_id == AV_CODEC_ID_VP9) return vp9_facts(bytes);
  PictureFacts facts;
  const auto see = [&](Bytes unit) {
    return codec.codec_id == AV_CODEC_ID_H264 ? see_h264(unit, facts) : see_hevc(unit, facts);
  };
  const size_t length = length_bytes(codec);
  const bool plain = length > 0 ? each_of_stated_length(bytes, length, see) : each_of_start_code(bytes, see);
  facts.known = facts.known && plain;
  return facts;
}

}  // namespace rrpo::video
