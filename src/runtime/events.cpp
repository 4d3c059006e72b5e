#include "runtime/events.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "runtime/clock.h"
#include "runtime/config.h"
#include "runtime/format/json.h"
#include "runtime/load.h"

namespace awl {

using artifact::Action;
using artifact::Site;

EventHandler::EventHandler(const artifact::Meta& meta, const SessionOptions& options, Names& names, std::vector<MapHandle>& maps, Output& output,
                           Messages& messages)
    : meta_(&meta),
      json_(options.format == Format::json),
      trailer_(setting(meta, "str_trunc_trailer", "..")),
      max_cat_bytes_(number_setting(meta, "max_cat_bytes", 10240)),
      maps_(&maps),
      output_(&output),
      messages_(&messages),
      context_{.names = names, .trailer = trailer_} {
  formats_.resize(meta.sites.size());
  for (size_t i = 0; i < meta.sites.size(); ++i) {
    Action action = meta.sites[i].action;
    bool formats = action == Action::printf || action == Action::errorf || action == Action::warnf || action == Action::cat || action == Action::system;
    if (formats) formats_[i] = compile_format(meta.sites[i].text);
  }
}

void EventHandler::say(std::string_view type, std::string_view text) {
  std::string& out = output_->text();
  if (!json_) {
    out += text;
    return;
  }
  out += "{\"type\": \"";
  out += type;
  out += "\", \"data\": ";
  append_json_string(out, text);
  out += "}\n";
}

void EventHandler::hold() {
  output_->hold();
  held_json_ = std::exchange(json_, false);
  held_ = true;
  reported_ = false;
  exit_code.reset();
  ended = false;
}

EventHandler::Held EventHandler::release() {
  json_ = held_json_;
  held_ = false;
  Held held{.output = output_->take_held(), .failed = reported_ || exit_code.value_or(0) != 0};
  exit_code.reset();
  ended = false;
  return held;
}

std::string EventHandler::formatted(size_t site, ValueBytes payload) {
  std::string text;
  append_format(text, formats_[site], meta_->sites[site].args, payload, context_);
  return text;
}

void EventHandler::handle(std::span<const uint8_t> record) {
  uint64_t index = load_integer(record, 4, false);
  if (record.size() < 8 || index >= meta_->sites.size()) return messages_->error("an event that the object does not describe was dropped");
  if (ended && meta_->sites[index].action != Action::watch) return;
  auto program = static_cast<uint32_t>(load_integer(record.subspan(4), 4, false));
  uint64_t cut_before = context_.cut;
  act(meta_->sites[index], index, program, record.subspan(8));
  if (context_.cut != cut_before && meta_->sites[index].action != Action::print_map) losses.cut_in_events[program] += context_.cut - cut_before;
  output_->settle();
}

void EventHandler::act(const Site& site, size_t index, uint32_t program, ValueBytes payload) {
  switch (site.action) {
    case Action::printf:
      if (json_)
        say("printf", formatted(index, payload));
      else
        append_format(output_->text(), formats_[index], site.args, payload, context_);
      break;
    case Action::print_value:
      if (!site.args.empty()) {
        uint8_t storage[8];
        print_value(site.args[0].type.at(0), element_bytes(site.args[0], payload, storage));
      }
      break;
    case Action::print_element: print_element(site, payload); break;
    case Action::print_map:
      if (site.map >= 0) print_map(static_cast<size_t>(site.map), {.top = site.top, .div = site.div}, false);
      break;
    case Action::clear:
    case Action::zero:
      if (site.map >= 0) {
        MapHandle& map = maps_->at(static_cast<size_t>(site.map));
        if (Result<> done = site.action == Action::clear ? clear_map(map) : zero_map(map); !done) failed(done.error());
      }
      break;
    case Action::store:
      if (site.map >= 0)
        if (Result<> done = store_element(maps_->at(static_cast<size_t>(site.map)), static_cast<uint32_t>(load_integer(payload, 4, false)), static_cast<uint32_t>(load_integer(payload.subspan(4), 4, false))); !done) failed(done.error());
      break;
    case Action::exit: {
      uint8_t storage[8];
      const artifact::Type* type = site.args.empty() ? nullptr : &site.args[0].type.at(0);
      exit_code = type ? static_cast<int>(load_integer(element_bytes(site.args[0], payload, storage), type->size, type->is_signed) & 255) : 0;
      ended = true;
      break;
    }
    case Action::time: say_time(site.text); break;
    case Action::join: join(site, payload); break;
    case Action::cat: cat(formatted(index, payload)); break;
    case Action::system: run_shell(formatted(index, payload)); break;
    case Action::errorf: report(site, "errorf", "ERROR", formatted(index, payload)); break;
    case Action::warnf: report(site, "warnf", "WARNING", formatted(index, payload)); break;
    case Action::runtime_error: runtime_error(site, program, payload); break;
    case Action::unwatch:
      if (unwatch) unwatch(load_integer(payload, 8, false));
      break;
    case Action::watch:
      if (watch && payload.size() >= artifact::watch_payload)
        watch(site.text, load_integer(payload, 8, false), static_cast<int>(load_integer(payload.subspan(8), 4, false)), load_integer(payload.subspan(12), 4, false) != 0);
      break;
    case Action::strftime: break;   // a value, not an event
    case Action::skboutput:
    case Action::capture: break;  // come by another way
  }
}

void EventHandler::print_value(const artifact::Type& type, ValueBytes bytes) {
  std::string& out = output_->text();
  if (!json_) {
    append_text(out, type, bytes, context_);
    out += '\n';
    return;
  }
  out += "{\"type\": \"value\", \"data\": ";
  append_json(out, type, bytes, context_);
  out += "}\n";
}

// print(@m[k]) of an aggregation: merged by the program, else now by the key that it sent.
void EventHandler::print_element(const Site& site, ValueBytes payload) {
  if (site.map < 0) return;
  const MapHandle& handle = maps_->at(static_cast<size_t>(site.map));
  uint8_t storage[8];
  ValueBytes key = site.args.empty() ? ValueBytes() : element_bytes(site.args[0], payload, storage);
  constexpr size_t words = 3;
  if (site.args.size() > words) {
    uint8_t flag[8];
    const artifact::Element* word = &site.args[site.args.size() - words];
    size_t value = word[1].offset;
    if (load_integer(element_bytes(word[0], payload, flag), 8, false) && payload.size() >= value + 16) return print_value(handle.map->value, payload.subspan(value, 16));
  }
  Result<MapRow> row = read_element(handle, key);
  if (!row) return failed(row.error());
  print_value(handle.map->value, row->value);
}

void EventHandler::print_map(size_t index, MapPrint print, bool at_exit) {
  const MapHandle& handle = maps_->at(index);
  const artifact::Map& map = *handle.map;
  Result<std::vector<MapRow>> rows = read_map(handle);
  if (!rows) return failed(rows.error());
  sort_rows(map, *rows);
  bool scalar = map.key.empty();
  // A scalar that was cleared or never set prints as zero when asked for; at the end it does not print.
  if (rows->empty() && scalar && !at_exit && !is_histogram(map) && !is_series(map)) rows->push_back(zero_row(map));
  uint64_t cut_before = context_.cut;
  if (json_) {
    if (!rows->empty() || is_statistics(map)) append_map_json(output_->text(), map, *rows, print, context_);
  } else {
    append_map_text(output_->text(), map, *rows, print, context_);
  }
  if (context_.cut != cut_before) losses.cut_in_maps[index] = context_.cut - cut_before;
}

// args: the number of strings, then each.
void EventHandler::join(const Site& site, ValueBytes payload) {
  std::string text;
  uint64_t count = site.args.empty() ? 0 : load_integer(payload, 8, false);
  for (uint64_t i = 0; i < count && i + 1 < site.args.size(); ++i) {
    const artifact::Element& word = site.args[i + 1];
    uint8_t storage[8];
    if (i) text += site.text;
    append_text(text, word.type.at(0), element_bytes(word, payload, storage), context_);
  }
  if (!json_) text += '\n';
  say("join", text);
}

void EventHandler::cat(const std::string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    output_->write_through();
    messages_->error(fmt::format("failed to open file '{}' ({})", path, strerror(errno)));
    return;
  }
  std::string text(max_cat_bytes_, '\0');
  size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < text.size(); size += static_cast<size_t>(std::max<ssize_t>(got, 0)))
    got = read(file.get(), text.data() + size, text.size() - size);
  text.resize(size);
  say("cat", text);
}

void EventHandler::say_time(std::string_view format) {
  std::string text = format_time(clock_now(CLOCK_REALTIME), format);
  if (!text.empty()) return say("time", text);
  output_->write_through();
  messages_->error(fmt::format("time(\"{}\") gives no text", format));
}

void EventHandler::run_shell(const std::string& command) {
  output_->write_through();
  std::FILE* shell = popen(("exec 2>&1\n" + command).c_str(), "re");
  if (!shell) return messages_->error(fmt::format("cannot run the shell ({})", strerror(errno)));
  std::string text;
  char buffer[4096];
  while (size_t size = fread(buffer, 1, sizeof buffer, shell)) text.append(buffer, size);
  int status = pclose(shell);
  if (status == 0) {
    if (!json_) text += '\n';
    return say("syscall", text);
  }
  output_->write_through();
  if (WIFEXITED(status))
    messages_->error(fmt::format("command exited with code {} ({})", WEXITSTATUS(status), command));
  else
    messages_->error(fmt::format("command was ended by signal {} ({})", WIFSIGNALED(status) ? WTERMSIG(status) : 0, command));
}

void EventHandler::report(const Site& site, std::string_view json_type, std::string_view word, std::string_view text) {
  bool warning = word == "WARNING";
  reported_ = reported_ || !warning;
  if (warning && !messages_->warnings()) return;
  if (json_) {
    std::string& out = output_->text();
    out += fmt::format("{{\"type\": \"{}\", \"msg\": ", json_type);
    append_json_string(out, text);
    out += ", \"filename\": ";
    append_json_string(out, meta_->source_name);
    out += fmt::format(", \"line\": {}, \"col\": {}}}\n", site.line, site.column);
    return;
  }
  output_->write_through();
  if (text.ends_with('\n')) text.remove_suffix(1);  // the line ends in any case
  if (held_) {
    output_->text() += fmt::format("{}:{}:{}-{}: {}: {}\n", meta_->source_name, site.line, site.column, site.column_end, word, text);
    return;
  }
  std::string_view on = !messages_->color() ? "" : warning ? "\033[33m" : "\033[31m";
  messages_->plain(fmt::format("{}{}:{}:{}-{}: {}: {}{}", on, meta_->source_name, site.line, site.column, site.column_end, word, text,
                               on.empty() ? "" : "\033[0m"));
}

void EventHandler::runtime_error(const Site& site, uint32_t program, ValueBytes payload) {
  if (site.helper == "map_update_elem") ++losses.updates[{program, site.map}];
  else if (!site.helper.empty()) ++losses.helpers[{program, site.helper}];
  if (!messages_->warnings()) return;
  auto code = static_cast<int64_t>(load_integer(payload, 8, true));
  std::string text = site.text.empty() ? strerror(static_cast<int>(code < 0 ? -code : code)) : site.text;
  if (size_t number = text.find("{}"); number != text.npos) text.replace(number, 2, fmt::format("{}", code));
  if (json_ && !site.helper.empty()) {
    std::string& out = output_->text();
    out += "{\"type\": \"helper_error\", \"msg\": ";
    append_json_string(out, strerror(static_cast<int>(code < 0 ? -code : code)));
    out += ", \"helper\": ";
    append_json_string(out, site.helper);
    out += fmt::format(", \"retcode\": {}, \"filename\": ", code);
    append_json_string(out, meta_->source_name);
    out += fmt::format(", \"line\": {}, \"col\": {}}}\n", site.line, site.column);
    return;
  }
  report(site, "runtime_error", "WARNING", text);
  if (json_) return;
  if (!site.helper.empty()) messages_->plain(fmt::format("Additional Info - helper: {}, retcode: {}", site.helper, code));
  std::string_view source = site.source_line;
  while (source.ends_with('\n')) source.remove_suffix(1);
  if (!source.empty()) messages_->plain(source);
}

void EventHandler::failed(const Error& error) {
  output_->write_through();
  messages_->error(error.text());
}

}  // namespace awl
