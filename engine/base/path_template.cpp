#include "base/path_template.hpp"

#include <algorithm>
#include <cerrno>

#include "base/limits.hpp"

namespace ringmx {
namespace {

Error wrong(std::string text) {
    return Error{EINVAL, std::move(text)};
}

Result<std::vector<TemplatePiece>> parse_pieces(std::string_view text) {
    std::vector<TemplatePiece> pieces;
    while (!text.empty()) {
        const std::size_t open = std::min(text.find_first_of("{}"), text.size());
        if (open != 0) {
            pieces.push_back({Placeholder::none, std::string(text.substr(0, open))});
            text.remove_prefix(open);
            continue;
        }
        const std::size_t close = text.find('}');
        if (text.front() == '}' || close == std::string_view::npos)
            return wrong("has a brace without its other; {domain} and {local} are the placeholders");
        const std::string_view name = text.substr(0, close + 1);
        if (name == "{domain}") {
            pieces.push_back({Placeholder::domain, {}});
        } else if (name == "{local}") {
            pieces.push_back({Placeholder::local, {}});
        } else {
            return wrong(std::string(name) + " is no placeholder; {domain} and {local} are");
        }
        text.remove_prefix(close + 1);
    }
    return pieces;
}

// Why mailboxes could share this component, or its path leave the template; empty: neither.
std::string component_problem(std::string_view text, TemplateComponent& component) {
    std::size_t fixed = 0;
    std::size_t values = 0;
    bool apart = true;  // an "@" stands behind the last placeholder, or there is none
    for (const TemplatePiece& piece : component.pieces) {
        fixed += piece.text.size();
        if (piece.placeholder == Placeholder::none) {
            apart = apart || piece.text.find('@') != std::string::npos;
            continue;
        }
        if (!apart) return "needs an \"@\" between the placeholders of one folder's name";
        apart = false;
        ++values;
    }
    if (values == 0) {
        if (fixed > limits::file_name_octets_max) return "has a folder's name of more than 255 octets";
        return text == "." || text == ".." ? "has \"" + std::string(text) + "\" behind a placeholder" : "";
    }
    if (text.starts_with(limits::maildir_own_names))
        return "has a folder's name that begins with \"" + std::string(limits::maildir_own_names) + "\"";
    const std::size_t room = limits::file_name_octets_max - std::min(limits::file_name_octets_max, fixed);
    component.value_octets_max = room / values;
    if (component.value_octets_max < limits::maildir_value_octets_min)
        return "leaves too little room for the placeholders in a folder's name";
    return "";
}

}  // namespace

Result<PathTemplate> PathTemplate::parse(std::string_view path) {
    PathTemplate parsed;
    const std::size_t first = path.find_first_of("{}");
    if (first == std::string_view::npos) {
        parsed.prefix = path;
        return parsed;
    }
    const std::size_t slash = path.substr(0, first).find_last_of('/');
    std::string_view rest = path;
    parsed.prefix = ".";
    if (slash != std::string_view::npos) {
        parsed.prefix = slash == 0 ? "/" : path.substr(0, slash);
        rest.remove_prefix(slash + 1);
    }
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('/'), rest.size());
        const std::string_view text = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (text.empty()) continue;
        auto pieces = parse_pieces(text);
        if (!pieces) return pieces.error();
        TemplateComponent& component = parsed.components.emplace_back();
        component.pieces = std::move(*pieces);
        if (std::string problem = component_problem(text, component); !problem.empty()) return wrong(problem);
    }
    if (parsed.components.size() > limits::maildir_components_max)
        return wrong("has more than 15 folders from the first placeholder on");
    return parsed;
}

}  // namespace ringmx
