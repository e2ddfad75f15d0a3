// The same attack in the guest, whose kernel is an older one.
import '../../integration/driver/detached-devices.test.ts';
