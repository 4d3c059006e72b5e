#pragma once
// What a script's asynchronous calls do when their events arrive.
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "artifact/schema.h"
#include "runtime/format/printf.h"
#include "runtime/losses.h"
#include "runtime/maps.h"
#include "runtime/messages.h"
#include "runtime/output.h"
#include "runtime/session.h"

namespace awl {

class EventHandler {
 public:
  EventHandler(const artifact::Meta& meta, const SessionOptions& options, Names& names, std::vector<MapHandle>& maps, Output& output, Messages& messages);

  // A record of the ring buffer: u32 site, u32 program, payload. Records that do not fit the description are reported, never trusted.
  void handle(std::span<const uint8_t> record);
  // Prints a map as print(@m) does, or as at the end of the run (nothing for what holds nothing).
  void print_map(size_t index, MapPrint print, bool at_exit);

  // What one run of a probe does is kept back, as text, and given by release(): its output, and whether it called errorf() or exit() with a status.
  void hold();
  struct Held {
    std::string output;
    bool failed = false;
  };
  Held release();

  // Set by exit(n); later records are dropped until the session takes it back.
  std::optional<int> exit_code;
  bool ended = false;
  // What the records tell of, apart from lost events and stacks.
  Losses losses;
  // unwatch(): ends the watchpoints of an address.
  std::function<void(uint64_t address)> unwatch;
  // watch(): sets the watchpoints of a name on an address of a process, and lets the process go on if it is `stopped`. Called after exit() too.
  std::function<void(const std::string& name, uint64_t address, int process, bool stopped)> watch;

 private:
  void act(const artifact::Site& site, size_t index, uint32_t program, ValueBytes payload);
  std::string formatted(size_t site, ValueBytes payload);
  void say(std::string_view type, std::string_view text);
  void report(const artifact::Site& site, std::string_view json_type, std::string_view word, std::string_view text);
  void print_value(const artifact::Type& type, ValueBytes bytes);
  void print_element(const artifact::Site& site, ValueBytes payload);
  void join(const artifact::Site& site, ValueBytes payload);
  void cat(const std::string& path);
  void say_time(std::string_view format);
  void run_shell(const std::string& command);
  void runtime_error(const artifact::Site& site, uint32_t program, ValueBytes payload);
  void failed(const Error& error);

  const artifact::Meta* meta_;
  bool json_;
  bool held_ = false, held_json_ = false, reported_ = false;
  std::string trailer_;
  uint64_t max_cat_bytes_;
  std::vector<MapHandle>* maps_;
  Output* output_;
  Messages* messages_;
  RenderContext context_;
  std::vector<std::vector<FormatPiece>> formats_;  // of each site
};

}  // namespace awl
