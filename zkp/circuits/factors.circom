// "I know two factors of this number, both greater than 1 and below 2^64."
//
// The product of two such factors is below 2^128 and the field has 254 bits,
// so it cannot wrap around: the number is their product among the integers,
// and it is composite.
pragma circom 2.1.0;

// 1 < in < 2^64
template Factor() {
    signal input in;

    // 64 bits that add up to `in`: in a field of 254 bits this bounds it.
    signal bits[64];
    var sum = 0;
    for (var i = 0; i < 64; i++) {
        bits[i] <-- (in >> i) & 1;
        bits[i] * (bits[i] - 1) === 0;
        sum += bits[i] * 2 ** i;
    }
    in === sum;

    // in · (in - 1) has an inverse only where `in` is neither 0 nor 1.
    signal product <== in * (in - 1);
    signal inverse <-- product != 0 ? 1 / product : 0;
    product * inverse === 1;
}

template Factors() {
    signal input number;
    signal input p;
    signal input q;

    Factor()(p);
    Factor()(q);
    number === p * q;
}

component main { public [number] } = Factors();
