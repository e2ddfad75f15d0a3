# When a claim gets its volume.
# shellcheck shell=bash

check_claims() {
  check 'a claim with Immediate is bound to a volume on this node' immediate_is_bound
  check 'a claim with WaitForFirstConsumer waits for a pod' waits_for_a_pod
}

immediate_is_bound() {
  claim immediate csi-hostpath-sc
  is_bound immediate
  local volume where
  volume=$(kubectl get pvc immediate -o jsonpath='{.spec.volumeName}')
  where=$(kubectl get pv "$volume" -o jsonpath='{.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0]}')
  [[ $where == "{\"key\":\"topology.hostpath.csi/node\",\"operator\":\"In\",\"values\":[\"$NODE\"]}" ]]
}

waits_for_a_pod() {
  claim waiting csi-hostpath-wait
  wait_for 60 'the event' says_that_it_waits
  [[ $(kubectl get pvc waiting -o jsonpath='{.status.phase}') == Pending ]]
  pod consumer waiting 'echo arrived >/data/file'
  succeeds consumer
  is_bound waiting
}

says_that_it_waits() {
  [[ -n $(kubectl get events -o name \
    --field-selector involvedObject.name=waiting,reason=WaitForFirstConsumer) ]]
}
