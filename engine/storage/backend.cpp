#include "storage/backend.hpp"

namespace ringmx::storage {

std::string_view to_string(Durability durability) {
    switch (durability) {
        case Durability::none:
            return "none";
        case Durability::process:
            return "process";
        case Durability::machine:
            return "machine";
        case Durability::replicated:
            return "replicated";
    }
    return "none";
}

}  // namespace ringmx::storage
