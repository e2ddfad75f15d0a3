// grpcurl, with which pages of the documentation call the driver.
import { goProgram } from './go-program.mjs';

const grpcurl = goProgram('grpcurl', 'github.com/fullstorydev/grpcurl/cmd/grpcurl', 'v1.9.3');

export const { path: grpcurlPath, install: installGrpcurl } = grpcurl;
