#pragma once
// Writing packets to a pcapng file (draft-ietf-opsawg-pcapng), in this machine's byte order, with times in nanoseconds.
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>

#include "base/result.h"

namespace awl {

class PcapngFile {
 public:
  // Makes the file, readable by its owner alone, or empties a file of that name; a symbolic link, a folder or a device is refused.
  static Result<PcapngFile> create(const std::string& path);

  // Adds a packet. `interface`: its number, 0 if not known; `link_type`: of its first header (LINKTYPE_*, pcap-linktype(7)); `limit`: the most bytes of such
  // packets that are written: the three together are one description in the file. `whole`: the packet's size on the wire.
  void add(uint32_t interface, uint16_t link_type, uint32_t limit, uint64_t wall_ns, std::span<const uint8_t> bytes, uint32_t whole);
  // What went wrong while it was written.
  Result<> close();

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  uint32_t describe(uint32_t interface, uint16_t link_type, uint32_t limit);
  void block(uint32_t type, const std::string& body);

  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::map<std::tuple<uint32_t, uint16_t, uint32_t>, uint32_t> interfaces_;  // number in the file
};

}  // namespace awl
