/** Whether tests run that `npm test` leaves out, because they take long and differ little from others: in `npm run test:guest`. */
export const isFullForm = process.env['GUEST_TESTS'] === 'all';
