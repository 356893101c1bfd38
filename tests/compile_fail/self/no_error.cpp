// expect: an apple is no pear
int main() {}
