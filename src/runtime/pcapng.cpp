#include "runtime/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

namespace awl {
namespace {

// Types of blocks and codes of their options (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3).
constexpr uint32_t section_header = 0x0a0d0d0a, interface_description = 1, enhanced_packet = 6;
constexpr uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr uint16_t option_end = 0, option_application = 4, option_interface_name = 2, option_resolution = 9;
constexpr char nanoseconds = 9;  // 10^-9 s

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void pad(std::string& out) { out.resize((out.size() + 3) / 4 * 4); }

void option(std::string& out, uint16_t code, std::string_view value) {
  put(out, code);
  put(out, static_cast<uint16_t>(value.size()));
  out += value;
  pad(out);
}

}  // namespace

Result<PcapngFile> PcapngFile::create(const std::string& path) {
  const int made = open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (made < 0) return fail(errno, "cannot write the packets to '{}'", path);
  struct stat status{};
  const bool regular = fstat(made, &status) == 0 && S_ISREG(status.st_mode);
  if (!regular || ftruncate(made, 0) != 0) {
    const int code = regular ? errno : 0;
    ::close(made);
    return regular ? fail(code, "cannot empty the file '{}'", path) : fail(0, "cannot write packets to '{}': it is no file", path);
  }
  PcapngFile file;
  file.path_ = path;
  file.file_.reset(fdopen(made, "wb"));
  if (!file.file_) {
    const int code = errno;
    ::close(made);
    return fail(code, "cannot write the packets to '{}'", path);
  }
  std::string body;
  put(body, byte_order_magic);
  put<uint16_t>(body, 1);  // version 1.0
  put<uint16_t>(body, 0);
  put<int64_t>(body, -1);  // the section's length is not known
  option(body, option_application, "awl");
  option(body, option_end, "");
  file.block(section_header, body);
  return file;
}

void PcapngFile::block(uint32_t type, const std::string& body) {
  const auto size = static_cast<uint32_t>(body.size() + 3 * sizeof(uint32_t));
  std::string head;
  put(head, type);
  put(head, size);
  std::fwrite(head.data(), head.size(), 1, file_.get());
  std::fwrite(body.data(), body.size(), 1, file_.get());
  std::fwrite(&size, sizeof size, 1, file_.get());
}

uint32_t PcapngFile::describe(uint32_t interface, uint16_t link_type, uint32_t limit) {
  auto [known, fresh] = interfaces_.try_emplace({interface, link_type, limit}, static_cast<uint32_t>(interfaces_.size()));
  if (!fresh) return known->second;
  char name[IF_NAMESIZE] = "";
  std::string body;
  put(body, link_type);
  put<uint16_t>(body, 0);
  put(body, limit);
  if (if_indextoname(interface, name)) option(body, option_interface_name, name);
  option(body, option_resolution, std::string_view(&nanoseconds, 1));
  option(body, option_end, "");
  block(interface_description, body);
  return known->second;
}

void PcapngFile::add(uint32_t interface, uint16_t link_type, uint32_t limit, uint64_t wall_ns, std::span<const uint8_t> bytes, uint32_t whole) {
  std::string body;
  put(body, describe(interface, link_type, limit));
  put(body, static_cast<uint32_t>(wall_ns >> 32));
  put(body, static_cast<uint32_t>(wall_ns));
  put(body, static_cast<uint32_t>(bytes.size()));
  put(body, whole);
  body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  pad(body);
  block(enhanced_packet, body);
}

Result<> PcapngFile::close() {
  const bool good = !std::ferror(file_.get());
  errno = good ? 0 : EIO;
  if (!good || std::fflush(file_.get()) != 0) return fail(errno, "cannot write the packets to '{}'", path_);
  file_.reset();
  return {};
}

}  // namespace awl
