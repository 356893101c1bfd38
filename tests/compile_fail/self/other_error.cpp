// expect: an apple is no pear
#include <there/is/no/such/header.hpp>
int main() {}
