#include "packets.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>

#include "limits.h"
#include "units.h"

namespace rrpo::video {
namespace {

constexpr int64_t kMaxKeptBytes = int64_t{32} << 20;
/// What FFmpeg holds beside a packet's payload: the packet, its counted buffer, padding, and what malloc adds to each.
constexpr int64_t kPacketOverhead = 512;

}  // namespace

bool inside(const std::optional<Clip>& clip, double time_s) {
  return !clip || (time_s >= clip->start_s && time_s < clip->end_s);
}

Packets::Packets(const Source& source, const ReadLimits& limits)
    : source_(source), container_(std::make_unique<Container>(source)) {
  read(limits);
  check_joins();
}

void Packets::read(const ReadLimits& limits) {
  const int64_t room = std::min(kMaxKeptBytes, limits.memory_bytes / 4);
  PacketHandle packet = new_packet();
  telling_ = has_picture_facts(container_->stream().codecpar->codec_id) && !has_fields();
  while (container_->next(*packet)) {
    note(*packet);
    check_memory(source_.name(), "its packets", list_bytes(), limits);
    keep(std::move(packet), room);
    packet = new_packet();
  }
  for (Place& place : places_) place.spare = place.spare && place.layer == layers_;
}

void Packets::note(const AVPacket& packet) {
  const auto is = [&](int flag) { return (packet.flags & flag) != 0; };
  Place place{packet.pts, packet.dts, is(AV_PKT_FLAG_KEY), is(AV_PKT_FLAG_DISCARD), is(AV_PKT_FLAG_CORRUPT), packet.size};
  telling_ = telling_ && tells(packet, place);
  places_.push_back(place);
}

// What a decoder would carry over from packets that are left out ends it: other parameter sets than the first ones, a
// picture to be turned.
bool Packets::tells(const AVPacket& packet, Place& place) {
  for (const AVPacketSideDataType type : {AV_PKT_DATA_NEW_EXTRADATA, AV_PKT_DATA_PARAM_CHANGE}) {
    if (av_packet_get_side_data(&packet, type, nullptr) != nullptr) return false;
  }
  const PictureFacts facts = picture_facts(packet, *container_->stream().codecpar);
  if (!facts.known || facts.turned) return false;
  if (places_.empty()) sets_ = facts.sets;
  place.shown = facts.shown;
  place.start = facts.start && place.key;
  place.spare = facts.spare;
  place.layer = facts.layer;
  layers_ = std::max(layers_, facts.layer);
  return facts.sets == sets_ || (facts.sets == 0 && !facts.start);
}

std::optional<Timeline> Packets::timeline() const {
  if (!telling_ || joined_) return std::nullopt;
  return Timeline::of(places_, container_->stream().codecpar->codec_id == AV_CODEC_ID_HEVC);
}

bool Packets::has_fields() const {
  const AVFieldOrder order = container_->stream().codecpar->field_order;
  return order != AV_FIELD_PROGRESSIVE && order != AV_FIELD_UNKNOWN;
}

void Packets::keep(PacketHandle packet, int64_t room) {
  if (!keeping_) return;
  kept_bytes_ += packet->size + kPacketOverhead;
  for (int i = 0; i < packet->side_data_elems; ++i) kept_bytes_ += static_cast<int64_t>(packet->side_data[i].size);
  keeping_ = kept_bytes_ <= room;
  if (keeping_) {
    packet->flags &= ~AV_PKT_FLAG_CORRUPT;  // judged by check_joins
    kept_.push_back(std::move(packet));
  } else {
    kept_bytes_ = 0;
    std::vector<PacketHandle>().swap(kept_);
  }
}

// Segments of a transport stream that stand one behind the other: the stream's counter of packets begins anew, and FFmpeg
// marks the packets before that place as if something were missing. Nothing is when a group of pictures begins there and the
// times leave no gap; that its pictures are whole is seen when they decode.
void Packets::check_joins() {
  const auto flagged = [](const Place& place) { return place.flagged; };
  if (std::none_of(places_.begin(), places_.end(), flagged)) return;
  std::vector<int64_t> steps;
  for (size_t i = 1; i < places_.size(); ++i) {
    int64_t step = 0;
    if (!__builtin_sub_overflow(places_[i].dts, places_[i - 1].dts, &step) && step > 0) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  const int64_t step = steps.empty() ? 0 : steps[steps.size() / 2];
  for (size_t i = 0; i < places_.size(); ++i) {
    if (!places_[i].flagged || joins_at(i, step)) continue;
    bad_video(source_.name(), "packet " + std::to_string(i + 1) + " is damaged or cut", "copy or download it again");
  }
  joined_ = true;
}

// The packet that begins the next segment ends the one before it, whose mark FFmpeg's parser has by then handed on to the
// frame before that one.
bool Packets::joins_at(size_t flagged, int64_t step) const {
  const size_t next = flagged + 2;
  if (next >= places_.size() || !places_[next].key) return false;
  const int64_t now = places_[next].dts, before = places_[next - 1].dts;
  int64_t gap = 0;
  if (now == AV_NOPTS_VALUE || before == AV_NOPTS_VALUE || __builtin_sub_overflow(now, before, &gap)) return false;
  return gap <= 0 || gap - step <= step / 2;
}

int64_t Packets::expected(const std::optional<Clip>& clip) const {
  int64_t count = 0;
  for (const Place& place : places_) {
    if (!place.visible()) continue;
    count += !clip || place.pts == AV_NOPTS_VALUE || inside(clip, container_->seconds(place.pts)) ? 1 : 0;
  }
  return count;
}

std::vector<double> Packets::moments() const {
  std::vector<int64_t> stamps;
  for (const Place& place : places_) {
    if (place.visible()) stamps.push_back(place.pts);
  }
  std::sort(stamps.begin(), stamps.end());
  static_assert(AV_NOPTS_VALUE == std::numeric_limits<int64_t>::min());
  const bool timed = !joined_ && !stamps.empty() && stamps.front() != AV_NOPTS_VALUE;
  const double rate = container_->rate() > 0 ? container_->rate() : 1;
  std::vector<double> moments;
  for (const int64_t stamp : stamps) {
    moments.push_back(timed ? container_->seconds(stamp) : static_cast<double>(moments.size()) / rate);
  }
  return moments;
}

PacketSource Packets::from_start() {
  if (!keeping_) {
    container_.reset();
    container_ = std::make_unique<Container>(source_);
    return [this](AVPacket& packet) {
      const bool more = container_->next(packet);
      packet.flags &= ~AV_PKT_FLAG_CORRUPT;
      return more;
    };
  }
  return [this, at = size_t{0}](AVPacket& packet) mutable {
    if (at == kept_.size()) return false;
    share_packet(packet, *kept_[at++]);
    return true;
  };
}

// Twice: checking what was shown sorts copies.
int64_t Packets::list_bytes() const { return static_cast<int64_t>(2 * places_.size() * sizeof(Place)); }

int64_t Packets::bytes_of(const std::vector<size_t>& packets) const {
  int64_t bytes = 0;
  for (const size_t packet : packets) bytes += places_[packet].bytes + kPacketOverhead;
  return bytes;
}

int64_t Packets::memory() const { return kept_bytes_ + list_bytes(); }

// Where the number of pictures is certain: a GIF lists them, and where segments were joined no picture may be missing.
void Packets::check_count(size_t shown) const {
  const int64_t wanted = container_->pictures() >= 0 ? container_->pictures()
                         : joined_                   ? expected(std::nullopt)
                                                     : static_cast<int64_t>(shown);
  if (static_cast<int64_t>(shown) == wanted) return;
  bad_video(source_.name(), std::to_string(shown) + " of " + std::to_string(wanted) + " pictures decode",
            "copy it again or re-encode it");
}

// By time stamps it is asked only where every packet is one shown frame: H.264 and HEVC without fields. Frames before the
// first that can be decoded (a cut inside a group of pictures) are no fault.
void Packets::check_all_shown(std::vector<int64_t> shown) const {
  check_count(shown.size());
  const AVCodecID codec = container_->stream().codecpar->codec_id;
  const bool one_to_one = codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC;
  if (!one_to_one || has_fields()) return;
  std::vector<int64_t> sent;
  for (const Place& place : places_) {
    if (!place.hidden) sent.push_back(place.pts);
  }
  std::sort(sent.begin(), sent.end());
  std::sort(shown.begin(), shown.end());
  if (sent.empty() || shown.empty()) return;
  if (sent.front() == AV_NOPTS_VALUE || shown.front() == AV_NOPTS_VALUE) return;
  sent.erase(sent.begin(), std::lower_bound(sent.begin(), sent.end(), shown.front()));
  std::vector<int64_t> lost;
  std::set_difference(sent.begin(), sent.end(), shown.begin(), shown.end(), std::back_inserter(lost));
  if (lost.empty()) return;
  bad_video(source_.name(),
            std::to_string(lost.size()) + " of " + std::to_string(sent.size()) + " frames do not decode, the first at " +
                std::to_string(container_->seconds(lost.front())) + " s",
            "copy it again or re-encode it");
}

}  // namespace rrpo::video
