#pragma once
// The packets of skboutput() and capture(): out of the kernel's per-CPU buffers into pcap and pcapng files. Programs count those that found no room
// as lost events.
#include <cstdio>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "artifact/schema.h"
#include "base/result.h"
#include "runtime/pcapng.h"

struct perf_buffer;

namespace awl {

class Packets {
 public:
  explicit Packets(const artifact::Meta& meta) : meta_(&meta) {}

  // Makes the buffers of the map awl_packets and the files that the program names, anew.
  Result<> open(int map);
  // Writes what has come.
  void consume();
  Result<> close();
  int fd() const;  // readable when there is something to consume

 private:
  struct BufferCloser {
    void operator()(perf_buffer* buffer) const;
  };
  struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  static void on_packet(void* self, int cpu, void* data, uint32_t size);
  void on_capture(std::span<const uint8_t> record);

  const artifact::Meta* meta_;
  std::unique_ptr<perf_buffer, BufferCloser> buffers_;
  std::map<std::string, std::unique_ptr<std::FILE, FileCloser>, std::less<>> files_;
  std::map<std::string, PcapngFile, std::less<>> captures_;
};

}  // namespace awl
