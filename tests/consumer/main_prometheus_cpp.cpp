// SPDX-License-Identifier: BSL-1.0
// A program that shows its pools through prometheus-cpp.
#include <dewpond/prometheus_cpp.hpp>

int main() {
    const dewpond::PrometheusCollectable collectable{dewpond::Exports{}};
    return collectable.Collect().size() > 20 ? 0 : 1;
}
