#include "runtime/packets.h"

#include <bpf/libbpf.h>
#include <errno.h>

#include <cstring>

#include "runtime/clock.h"

namespace awl {
namespace {

constexpr size_t pages_for_each_cpu = 64;
constexpr uint64_t nanoseconds = 1'000'000'000;

// The format of pcap files (pcap-savefile(5)), in this machine's byte order.
struct FileHeader {
  uint32_t magic = 0xa1b2c3d4;  // times in microseconds
  uint16_t major = 2, minor = 4;
  uint32_t zone = 0, accuracy = 0;
  uint32_t longest = 262144;
  uint32_t link_type = 101;  // LINKTYPE_RAW: packets begin with an IPv4 or IPv6 header
};
struct PacketHeader {
  uint32_t seconds = 0, microseconds = 0;
  uint32_t size = 0, whole_size = 0;
};

// See artifact::capture_header.
struct CaptureHeader {
  uint32_t site = 0, size = 0;
  uint64_t boot_ns = 0;
  uint32_t whole = 0, interface = 0;
};
static_assert(sizeof(CaptureHeader) == artifact::capture_header);

// See artifact::packets_map.
struct Header {
  uint32_t site = 0, skip = 0;
  uint64_t boot_ns = 0;
};
static_assert(sizeof(Header) == artifact::packet_header);

}  // namespace

void Packets::BufferCloser::operator()(perf_buffer* buffer) const { perf_buffer__free(buffer); }

Result<> Packets::open(int map) {
  for (const artifact::Site& site : meta_->sites) {
    const bool raw = site.action == artifact::Action::skboutput, captured = site.action == artifact::Action::capture;
    if ((raw && captures_.contains(site.text)) || (captured && files_.contains(site.text)))
      return fail_text(0, fmt::format("'{}' would be written by skboutput() and by capture()", site.text), "these are different formats: use two files");
    if (captured && !captures_.contains(site.text)) {
      AWL_TRY(file, PcapngFile::create(site.text));
      captures_.emplace(site.text, std::move(file));
    }
    if (!raw || files_.contains(site.text)) continue;
    std::unique_ptr<std::FILE, FileCloser> file(std::fopen(site.text.c_str(), "wbe"));
    if (!file) return fail(errno, "cannot write the packets to '{}'", site.text);
    const FileHeader header;
    std::fwrite(&header, sizeof header, 1, file.get());
    files_[site.text] = std::move(file);
  }
  buffers_.reset(perf_buffer__new(map, pages_for_each_cpu, on_packet, nullptr, this, nullptr));
  if (!buffers_) return fail(errno, "cannot make the buffers of the packets");
  return {};
}

void Packets::consume() {
  if (buffers_) perf_buffer__consume(buffers_.get());
}

Result<> Packets::close() {
  consume();
  buffers_.reset();
  for (auto& [path, file] : files_)
    if (std::ferror(file.get()) || std::fflush(file.get()) != 0) return fail(errno, "cannot write the packets to '{}'", path);
  files_.clear();
  for (auto& [path, file] : captures_) AWL_CHECK(file.close());
  captures_.clear();
  return {};
}

void Packets::on_packet(void* self, int, void* data, uint32_t size) {
  auto& packets = *static_cast<Packets*>(self);
  Header header;
  if (size < sizeof header) return;
  memcpy(&header, data, sizeof header);
  if (header.site >= packets.meta_->sites.size()) return;
  if (packets.meta_->sites[header.site].action == artifact::Action::capture) return packets.on_capture({static_cast<const uint8_t*>(data), size});
  auto file = packets.files_.find(packets.meta_->sites[header.site].text);
  if (file == packets.files_.end()) return;
  // The kernel rounds the size of its records up, with bytes that mean nothing behind the packet: the IP header tells its length.
  const uint8_t* packet = static_cast<const uint8_t*>(data) + sizeof header;
  uint32_t left = size - static_cast<uint32_t>(sizeof header), skip = std::min(header.skip, left);
  packet += skip;
  left -= skip;
  uint32_t length = left;
  if (left >= 20 && packet[0] >> 4 == 4) length = uint32_t{packet[2]} << 8 | packet[3];
  if (left >= 40 && packet[0] >> 4 == 6) length = 40 + (uint32_t{packet[4]} << 8 | packet[5]);
  uint64_t wall = to_wall_clock(header.boot_ns, 0);
  const PacketHeader row{static_cast<uint32_t>(wall / nanoseconds), static_cast<uint32_t>(wall % nanoseconds / 1000), std::min(left, length), std::max(length, std::min(left, length))};
  std::fwrite(&row, sizeof row, 1, file->second.get());
  std::fwrite(packet, row.size, 1, file->second.get());
}

void Packets::on_capture(std::span<const uint8_t> record) {
  CaptureHeader header;
  if (record.size() < sizeof header) return;
  memcpy(&header, record.data(), sizeof header);
  const artifact::Site& site = meta_->sites.at(header.site);
  auto file = captures_.find(site.text);
  std::span<const uint8_t> bytes = record.subspan(sizeof header);
  if (file == captures_.end() || header.size > bytes.size()) return;
  file->second.add(header.interface, static_cast<uint16_t>(site.top), static_cast<uint32_t>(site.div), to_wall_clock(header.boot_ns, 0), bytes.first(header.size), header.whole);
}

int Packets::fd() const { return buffers_ ? perf_buffer__epoll_fd(buffers_.get()) : -1; }

}  // namespace awl
