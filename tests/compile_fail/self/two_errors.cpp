// expect: an apple is no pear
static_assert(sizeof(int) == 0, "an apple is no pear");
static_assert(sizeof(int) == 0, "an apple is no pear");
int main() {}
