// The fuzz target: one input, played on the pool and on the reference. With libFuzzer, or with player.cpp's main.
#include <fuzz/harness.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::play(data, size);
    return 0;
}
