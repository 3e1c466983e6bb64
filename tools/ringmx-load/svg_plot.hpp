// Line plots as inline SVG, for the report page.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ringmx::load {

struct PlotLine {
    std::string name;
    std::string colour;
    std::vector<std::pair<double, double>> points;  // x ascending
};

struct PlotTick {
    double at;
    std::string text;
};

struct Plot {
    std::string x_name;
    std::string y_name;
    double x_min = 0;
    double x_max = 1;
    bool y_log = false;             // values of 0 are left out then
    std::vector<PlotTick> x_ticks;  // empty: round numbers
    std::vector<PlotLine> lines;
    // A band from x_min to here is shaded: before the measured window.
    double shaded_to = 0;
};

// Names are escaped. Nothing to draw: a sentence that says so.
std::string svg_plot(const Plot& plot);
std::string html_escaped(const std::string& text);

}  // namespace ringmx::load
