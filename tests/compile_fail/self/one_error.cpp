// expect: an apple is no pear
static_assert(sizeof(int) == 0, "an apple is no pear: write error: 12: error: and nothing changes");
int main() {}
