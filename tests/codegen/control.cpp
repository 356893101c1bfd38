// SPDX-License-Identifier: BSL-1.0
// Two functions of the same code and three of another: the measure for the script that compares.

extern "C" {

int taken(int);
int passed(int);

int control_loop(const int* from, const int* to) {
    int sum = 0;
    for (; from != to; ++from) sum += taken(*from);
    return sum;
}

int control_same_loop(const int* first, const int* last) {
    int total = 0;
    for (; first != last; ++first) {
        int one = taken(*first);
        total = total + one;
    }
    return total;
}

int control_other_step(const int* from, const int* to) {
    int sum = 0;
    for (; from != to; from += 2) sum += taken(*from);
    return sum;
}

int control_other_call(const int* from, const int* to) {
    int sum = 0;
    for (; from != to; ++from) sum += passed(*from);
    return sum;
}

}  // extern "C"
