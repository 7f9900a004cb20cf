// The numerators of a softmax and their sum.

INLINE float exponentiate(float *values, int64_t count) {
    float maximum = values[0];
    int64_t whole = count & ~(int64_t)15;
    if (whole) {
        floats maxima = load(values);
        for (int64_t i = 16; i < whole; i += 16) {
            floats x = load(values + i);
            maxima = choose(x > maxima, x, maxima);
        }
        for (int i = 0; i < 16; i++) maximum = maxima[i] > maximum ? maxima[i] : maximum;
    }
    for (int64_t i = whole; i < count; i++) maximum = values[i] > maximum ? values[i] : maximum;

    double total = 0;
    for (int64_t i = 0; i < whole;) {
        int64_t end = i + 1024 < whole ? i + 1024 : whole;
        floats sum = {0};
        for (; i < end; i += 16) {
            floats x = exponential(load(values + i) - maximum);
            store(values + i, x);
            sum += x;
        }
        for (int j = 0; j < 16; j++) total += sum[j];
    }
    if (whole < count) {
        floats rest = {0};
        for (int64_t i = whole; i < count; i++) rest[i - whole] = values[i] - maximum;
        rest = exponential(rest);
        for (int64_t i = whole; i < count; i++) total += values[i] = rest[i - whole];
    }
    return (float)total;
}
